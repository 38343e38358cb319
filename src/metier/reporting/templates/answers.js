// The second half of the page's only script: what is shown, and what people do.

// Titles of the columns, each with the order that it sorts by.
const HEADS = [
  ["question", ""],
  ["right answer", "class"],
  ["tuned", "given"],
  ["base"],
  ["baseline"],
  ["certainty", "certainty"],
]

function element(tag, text, properties) {
  const made = document.createElement(tag)
  if (text !== undefined) made.textContent = visible(text)
  return Object.assign(made, properties)
}

function slices() {
  return [...new Set(benchmark.all.flatMap(row => row.slices.map(pair => pair.join(": "))))].sort()
}

function fill(select, options, value) {
  select.replaceChildren(...options.map(([key, title]) => element("option", title, { value: JSON.stringify(key) })))
  select.value = JSON.stringify(value)
  select.closest("label").hidden = options.length < 2
}

function fillControls() {
  const filters = Object.entries(FILTERS).filter(([key]) => !key || key === state.filter || benchmark.all.some(FILTERS[key].fits))
  const labels = benchmark.labels.map(label => [label, label])
  const unscored = benchmark.all.some(row => row.predicted < 0) ? [["", UNSCORED]] : []
  const any = [[null, "any"]]
  fill(byId("benchmark"), data.benchmarks.map(one => [one.name, one.name]), benchmark.name)
  fill(byId("filter"), filters.map(([key, { title }]) => [key, title]), state.filter)
  fill(byId("right"), [...any, ...labels], state.right)
  fill(byId("given"), [...any, ...labels, ...(labels.length ? unscored : [])], state.given)
  fill(byId("slice"), [...any, ...slices().map(slice => [slice, slice])], state.slice)
  fill(byId("sort"), Object.entries(SORTS).map(([key, { title }]) => [key, title]), state.sort)
  byId("search").value = state.search
  byId("down").checked = state.down
}

function head() {
  const cells = HEADS.filter(([title]) => title !== "baseline" || benchmark.baseline).map(([title, sort]) => {
    const cell = element("th", undefined, { scope: "col" })
    const direction = state.down ? "descending" : "ascending"
    const shown = title === "baseline" ? benchmark.baseline : title
    if (sort === undefined) cell.textContent = visible(shown)
    else {
      const sign = state.sort !== sort ? "" : state.down ? " ▼" : " ▲"
      const button = element("button", shown + sign, { type: "button", onclick: () => sortBy(sort) })
      button.dataset.sort = sort
      cell.append(button)
      if (state.sort === sort) cell.setAttribute("aria-sort", direction)
    }
    return cell
  })
  byId("head").replaceChildren(...cells)
}

function answer(given, label) {
  const cell = element("td")
  cell.dataset.label = label
  const said = given.answer === null ? (benchmark.losses ? "" : UNSCORED) : given.answer
  if (given.right !== null) {
    const word = given.right ? "right" : "wrong"
    cell.append(element("span", given.right ? "✓" : "✗", { className: word, role: "img", ariaLabel: word }), " ")
  }
  cell.append(element("bdi", short(said)))
  if (hasGrade(given)) cell.append(element("small", `${benchmark.losses ? "loss" : "score"} ${given.score}`))
  return cell
}

// Whether right or wrong is not all there is to say.
function hasGrade(given) {
  return given.score !== null && (benchmark.losses || (given.score !== 0 && given.score !== 1))
}

function short(text) {
  const letters = Array.from(text.slice(0, 400)) // whole characters, not halves of one
  return text.length > 320 ? letters.slice(0, 300).join("") + " …" : text
}

function line(row) {
  const made = element("tr")
  const isOpen = row.number === opened
  const question = element("td", undefined, { className: "question" })
  const button = element("button", `${row.number + 1}`, { type: "button", className: "open", onclick: () => open(row.number) })
  button.dataset.row = row.number
  button.setAttribute("aria-expanded", isOpen)
  button.setAttribute("aria-label", `question ${row.number + 1}`)
  const about = [`id ${row.id}`, ...(row.group === null ? [] : [`group ${row.group}`]), ...row.slices.map(pair => pair.join(": "))]
  if (row.suspect !== null) about.push("suspect label")
  const small = element("small")
  small.append(...about.flatMap((part, at) => [...(at ? [" · "] : []), element("bdi", part)]))
  question.append(button, " ", element("bdi", short(row.text)), small)
  const gold = element("td")
  gold.dataset.label = "right answer"
  gold.append(element("bdi", short(row.right)))
  const certainty = element("td", row.certainty === null ? "–" : row.certainty.toFixed(3))
  certainty.dataset.label = "certainty"
  const models = [answer(row.tuned, "tuned"), answer(row.base, "base")]
  if (row.baseline) models.push(answer(row.baseline, visible(benchmark.baseline)))
  made.append(question, gold, ...models, certainty)
  return isOpen ? [made, detail(row, made.children.length)] : [made]
}

function detail(row, columns) {
  const list = element("dl")
  const add = (title, text) => {
    if (text !== null && text !== "") list.append(element("dt", title), element("dd", `${text}`, { dir: "auto" }))
  }
  const said = (title, given) => {
    if (!given) return
    const judged = given.right === null ? "" : given.right ? " (right)" : " (wrong)"
    add(title + judged, given.answer === null && !benchmark.losses ? UNSCORED : given.answer)
    add(`${title}, in its own words`, given.completion)
    if (hasGrade(given))
      add(`${title}, ${benchmark.losses ? "loss (nats a token)" : "score"}`, given.score)
  }
  add("question", row.text)
  row.fields.forEach(([name, value]) => add(name, value))
  row.options.forEach((option, at) => add(`option ${at + 1}`, option))
  add("right answer", row.right)
  add("suggested label", row.suspect)
  said("tuned", row.tuned)
  said("base", row.base)
  said(benchmark.baseline, row.baseline)
  add("certainty", row.certainty)
  add("group", row.group)
  row.slices.forEach(([name, value]) => add(name, value))
  add("length", `${row.length.toLocaleString("en")} characters`)
  add("id", row.id)
  add("file", `${benchmark.file}, row ${row.number + 1}`)
  add("asked as", benchmark.prompt)
  const cell = element("td", undefined, { colSpan: columns, className: "detail" })
  cell.append(list)
  const made = element("tr")
  made.append(cell)
  return made
}

function show() {
  const pages = Math.max(1, Math.ceil(found.length / PAGE))
  state.page = Math.min(state.page, pages)
  const from = (state.page - 1) * PAGE
  const { row, sort } = document.activeElement?.dataset ?? {} // what is made again loses the focus
  head()
  byId("rows").replaceChildren(...found.slice(from, from + PAGE).flatMap(line))
  if (row !== undefined) button(row)?.focus()
  if (sort !== undefined) document.querySelector(`#head [data-sort="${sort}"]`)?.focus()
  const number = count => count.toLocaleString("en")
  byId("count").textContent = `${number(found.length)} of ${number(benchmark.all.length)} questions`
  byId("about").textContent = benchmark.losses ? "Scores are losses: no answer is right or wrong." : ""
  byId("place").textContent = `${number(found.length ? from + 1 : 0)} to ${number(Math.min(from + PAGE, found.length))}`
  byId("earlier").disabled = state.page === 1
  byId("later").disabled = state.page === pages
  byId("problem").hidden = !problems.length
  byId("problem").textContent = visible(`The address asks for what is not here, and it is left out: ${problems.join(", ")}.`)
  writeSoon()
}

function search() {
  found = find()
  show()
}

function start() {
  read()
  fillControls()
  found = find()
  if (opened !== null && !new URLSearchParams(location.hash.slice(1)).has("page")) pageOf(opened)
  show()
}

function pageOf(number) {
  const at = found.findIndex(row => row.number === number)
  if (at >= 0) state.page = Math.floor(at / PAGE) + 1
}

// What people do

function button(number) {
  return document.querySelector(`#rows .open[data-row="${number}"]`)
}

function open(number) {
  opened = opened === number ? null : number
  show()
  button(number)?.focus()
}

function sortBy(key) {
  Object.assign(state, { down: state.sort === key && !state.down, sort: key, page: 1 })
  fillControls()
  search()
}

function turn(by) {
  state.page += by
  show()
  const buttons = byId("rows").querySelectorAll(".open")
  buttons[by > 0 ? 0 : buttons.length - 1]?.focus()
}

function move(by) {
  const buttons = [...byId("rows").querySelectorAll(".open")]
  const at = buttons.indexOf(document.activeElement)
  const next = at < 0 ? 0 : at + by
  if (next >= buttons.length && !byId("later").disabled) turn(1)
  else if (next < 0 && !byId("earlier").disabled) turn(-1)
  else buttons[Math.min(Math.max(next, 0), buttons.length - 1)]?.focus()
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName)
  if (event.key === "Escape") {
    if (typing) move(0)
    else if (opened !== null) open(opened)
  } else if (typing) return
  else if (event.key === "/") byId("search").focus()
  else if (event.key === "j" || event.key === "ArrowDown") move(1)
  else if (event.key === "k" || event.key === "ArrowUp") move(-1)
  else return
  event.preventDefault()
}

for (const key of ["filter", "right", "given", "slice", "sort"])
  byId(key).addEventListener("change", event => {
    Object.assign(state, { [key]: JSON.parse(event.target.value), page: 1 })
    search()
  })
byId("benchmark").addEventListener("change", event => {
  history.replaceState(null, "", "#" + new URLSearchParams({ benchmark: JSON.parse(event.target.value) }))
  start()
})
byId("down").addEventListener("change", event => {
  Object.assign(state, { down: event.target.checked, page: 1 })
  search()
})
byId("search").addEventListener("input", event => {
  Object.assign(state, { search: event.target.value, page: 1 })
  search()
})
byId("clear").addEventListener("click", () => {
  history.replaceState(null, "", "#" + new URLSearchParams({ benchmark: benchmark.name }))
  start()
})
byId("earlier").addEventListener("click", () => turn(-1))
byId("later").addEventListener("click", () => turn(1))
document.addEventListener("keydown", press)
addEventListener("hashchange", start)

byId("page").hidden = false
start()
requestAnimationFrame(() => setTimeout(() => performance.mark("rows shown"))) // bench/answers_page.py reads it
