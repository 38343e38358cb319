"use strict"
// The rows stand in #data as JSON. Every text of theirs is set as text (textContent), never as markup, and
// nothing is fetched. What is shown stands in the address behind #, so that every view is a link.

const PAGE = 50
const KEYS = ["benchmark", "filter", "right", "given", "slice", "search", "sort", "page", "row"]
// As metier.errors.printable: what shows nothing, turns the order of letters around, or is half a character.
const UNPRINTABLE =
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu
const UNSCORED = "(unscored)"

const byId = id => document.getElementById(id)
const data = JSON.parse(byId("data").textContent)
const wrong = given => given !== null && given.right === false
const right = given => given !== null && given.right === true
const FILTERS = {
  "": { title: "all questions", fits: () => true },
  wrong: { title: "model wrong", fits: row => wrong(row.tuned) },
  "only-baseline": { title: "only the baseline right", fits: row => right(row.baseline) && wrong(row.tuned) },
  "only-model": { title: "only the model right", fits: row => right(row.tuned) && wrong(row.baseline) },
  "confident-wrong": {
    title: "confident and wrong",
    fits: row => wrong(row.tuned) && row.certainty !== null && row.certainty >= data.confident,
  },
  suspect: { title: "suspect label", fits: row => row.suspect !== null },
  fixed: { title: "fixed by tuning", fits: row => wrong(row.base) && right(row.tuned) },
  broken: { title: "broken by tuning", fits: row => right(row.base) && wrong(row.tuned) },
}
const SORTS = {
  "": { title: "order of the test", of: row => row.number },
  certainty: { title: "certainty", of: row => row.certainty },
  length: { title: "length", of: row => row.length },
  class: { title: "class (right answer)", of: row => row.right },
  given: { title: "answer given", of: row => row.tuned.answer },
  id: { title: "id", of: row => row.id },
}

let state, benchmark, found, opened // opened: the number of the row whose details stand below it, or null
let problems = []

function visible(text) {
  return text.replace(UNPRINTABLE, letter => {
    const code = letter.codePointAt(0)
    if (letter === "\r") return "\\r"
    return code < 256 ? "\\x" + code.toString(16).padStart(2, "0") : "\\u" + code.toString(16).padStart(4, "0")
  })
}

// Rows

function rowsOf(packed) {
  const at = (column, number) => (column && column[number] >= 0 ? packed.strings[column[number]] : null)
  const each = (columns, number) =>
    Object.entries(columns).map(([name, column]) => [name, at(column, number)]).filter(([, value]) => value !== null)
  const given = (model, number) => {
    if (!model) return null
    const score = model.score[number]
    const isRight = packed.losses ? null : score !== null && score >= 1
    return { answer: at(model.answer, number), completion: at(model.completion, number), score, right: isRight }
  }
  return Array.from({ length: packed.rows }, (_, number) => ({
    number,
    id: at(packed.id, number),
    text: at(packed.text, number),
    length: packed.length[number],
    right: at(packed.right, number),
    gold: packed.gold ? packed.gold[number] : -1,
    predicted: packed.predicted ? packed.predicted[number] : -1,
    base: given(packed.models.base, number),
    tuned: given(packed.models.tuned, number),
    baseline: given(packed.models.baseline, number),
    certainty: packed.certainty[number],
    group: at(packed.group, number),
    suspect: at(packed.suspect, number),
    options: packed.options ? packed.options[number].map(option => packed.strings[option]) : [],
    slices: each(packed.slices, number),
    fields: each(packed.fields, number),
  }))
}

function words(row) {
  if (row.words === undefined) {
    const answers = [row.base, row.tuned, row.baseline].flatMap(given => (given ? [given.answer, given.completion] : []))
    const parts = [row.id, row.text, row.right, row.group, row.suspect, ...answers, ...row.fields.flat(), ...row.slices.flat()]
    row.words = parts.filter(part => part !== null).join("\n").toLowerCase()
  }
  return row.words
}

function find() {
  const wanted = state.search.toLowerCase().split(/\s+/).filter(word => word)
  const rightLabel = benchmark.labels.indexOf(state.right)
  const givenLabel = state.given === null ? null : benchmark.labels.indexOf(state.given)
  const rows = benchmark.all.filter(
    row =>
      FILTERS[state.filter].fits(row) &&
      (state.right === null || row.gold === rightLabel) &&
      (givenLabel === null || row.predicted === givenLabel) &&
      (state.slice === null || row.slices.some(pair => pair.join(": ") === state.slice)) &&
      wanted.every(word => words(row).includes(word)),
  )
  return sorted(rows, SORTS[state.sort].of, state.down ? -1 : 1)
}

// What is missing comes last, whatever the direction; rows that are equal stay in the order of the test.
function sorted(rows, of, sign) {
  const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0)
  return rows
    .map(row => [of(row), row])
    .sort(([a, one], [b, other]) => (a === null) - (b === null) || sign * order(a, b) || one.number - other.number)
    .map(([, row]) => row)
}

// The address

function read() {
  const asked = new URLSearchParams(location.hash.slice(1))
  problems = []
  const named = data.benchmarks.find(one => one.name === asked.get("benchmark"))
  if (asked.get("benchmark") && !named) problems.push(`benchmark ${asked.get("benchmark")}`)
  benchmark = named || data.benchmarks[0]
  benchmark.all ??= rowsOf(benchmark)
  const one = (key, known) => {
    const value = asked.get(key)
    if (value === null || known.includes(value)) return value
    problems.push(`${key} ${value}`)
    return null
  }
  const sort = one("sort", Object.keys(SORTS).flatMap(key => [key, "-" + key])) || ""
  state = {
    filter: one("filter", Object.keys(FILTERS)) || "",
    right: one("right", benchmark.labels),
    given: one("given", benchmark.labels.length ? ["", ...benchmark.labels] : []),
    slice: one("slice", slices()),
    search: asked.get("search") || "",
    sort: sort.replace(/^-/, ""),
    down: sort.startsWith("-"),
    page: Math.max(1, parseInt(asked.get("page"), 10) || 1),
  }
  const row = parseInt(asked.get("row"), 10)
  opened = row >= 1 && row <= benchmark.all.length ? row - 1 : null
}

function write() {
  const sort = (state.down ? "-" : "") + state.sort
  const said = { ...state, sort, benchmark: benchmark.name, page: state.page > 1 ? state.page : null }
  said.row = opened === null ? null : opened + 1
  const kept = KEYS.filter(key => said[key] !== null && (said[key] !== "" || key === "right" || key === "given"))
  const address = "#" + new URLSearchParams(kept.map(key => [key, said[key]]))
  if (address !== location.hash) history.replaceState(null, "", address)
}

let later
function writeSoon() {
  clearTimeout(later) // a browser refuses an address that changes with every letter of a search
  later = setTimeout(write, 200)
}

