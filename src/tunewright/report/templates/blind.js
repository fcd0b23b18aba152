"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const data = JSON.parse(at("data").textContent);
  const place = "tunewright-votes-" + data.page;
  const CHOICES = ["left", "right", "tie", "skip"];
  let state = { ballot: fresh(), rater: "", votes: {} };
  let index = 0;

  // A ballot is one person's votes: two files of one ballot are never counted as two people.
  function fresh() {
    return Array.from(crypto.getRandomValues(new Uint8Array(8)), (n) => n.toString(16).padStart(2, "0")).join("");
  }

  function load() {
    try {
      const kept = JSON.parse(localStorage.getItem(place) || "null");
      if (kept && kept.ballot && kept.votes) state = kept;
    } catch {
      cannotKeep();
    }
  }

  function save() {
    try {
      localStorage.setItem(place, JSON.stringify(state));
    } catch {
      cannotKeep();
    }
    at("text").value = votesText();
  }

  function cannotKeep() {
    at("warning").textContent = "This browser keeps nothing for this page: download the votes before you close it.";
    at("warning").hidden = false;
  }

  function votesText() {
    const votes = data.pairs.filter((p) => state.votes[p.pair]).map((p) => ({ pair: p.pair, vote: state.votes[p.pair] }));
    const about = { run: data.run, page: data.page, rows: data.rows, answers: data.answers };
    const told = { tunewright_votes: data.votes_format, ...about, ballot: state.ballot, rater: state.rater, votes };
    return JSON.stringify(told, null, 1) + "\n";
  }

  function firstOpen() {
    const open = data.pairs.findIndex((p) => !state.votes[p.pair]);
    return open < 0 ? data.pairs.length : open;
  }

  function turnOf(turn) {
    const block = document.createElement("div");
    block.className = "turn";
    block.dir = "auto";
    if (turn.role) {
      const who = document.createElement("small");
      who.textContent = turn.role;
      block.append(who);
    }
    block.append(turn.text);
    return block;
  }

  function showAnswer(box, text) {
    box.classList.toggle("nothing", !text.trim());
    box.textContent = text.trim() ? text : "nothing was written";
    box.scrollTop = 0;
  }

  function show() {
    const n = data.pairs.filter((p) => state.votes[p.pair]).length;
    at("progress").value = n;
    at("count").textContent = n + " of " + data.pairs.length;
    const pair = data.pairs[index];
    at("vote").hidden = !pair;
    at("end").hidden = Boolean(pair);
    if (!pair) return;
    at("count").textContent += ", prompt " + (index + 1);
    at("prompt").replaceChildren(...pair.turns.map(turnOf));
    showAnswer(at("left"), pair.left);
    showAnswer(at("right"), pair.right);
    at("back").disabled = index === 0;
    for (const button of document.querySelectorAll("[data-vote]")) {
      button.classList.toggle("chosen", state.votes[pair.pair] === button.dataset.vote);
    }
  }

  function vote(choice) {
    const pair = data.pairs[index];
    if (!pair || !CHOICES.includes(choice)) return;
    state.votes[pair.pair] = choice;
    save();
    const next = data.pairs.findIndex((p, i) => i > index && !state.votes[p.pair]);
    index = next < 0 ? firstOpen() : next;
    show();
    scrollTo(0, 0);
  }

  function back() {
    if (index === 0) return;
    index = Math.min(index, data.pairs.length) - 1;
    show();
  }

  function download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([votesText()], { type: "application/json" }));
    const who = state.rater.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "") || state.ballot.slice(0, 6);
    link.download = "votes-" + who + "-" + data.page.slice(0, 8) + ".json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    at("said").textContent = "Saved as " + link.download;
  }

  async function copy() {
    try {
      await navigator.clipboard.writeText(votesText());
      at("said").textContent = "Copied.";
    } catch {
      at("text").closest("details").open = true;
      at("text").select();
      at("said").textContent = "This browser does not let the page copy: the text below is selected, copy it yourself.";
    }
  }

  function startOver() {
    if (!confirm("Forget the votes on this page? Download them first if they count.")) return;
    state = { ballot: fresh(), rater: "", votes: {} };
    at("rater").value = "";
    index = 0;
    save();
    show();
  }

  const KEYS = { ArrowLeft: "left", ArrowRight: "right", 1: "left", 2: "right", t: "tie", 0: "tie", s: "skip" };

  function key(event) {
    const isTyping = event.target instanceof Element && event.target.closest("input, textarea");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (name === "b") back();
    else if (KEYS[name]) vote(KEYS[name]);
    else return;
    event.preventDefault();
  }

  load();
  at("rater").value = state.rater;
  at("rater").addEventListener("input", () => {
    state.rater = at("rater").value;
    save();
  });
  for (const button of document.querySelectorAll("[data-vote]")) {
    button.addEventListener("click", () => vote(button.dataset.vote));
  }
  for (const [id, act] of [["back", back], ["again", back], ["download", download], ["copy", copy], ["clear", startOver]]) {
    at(id).addEventListener("click", act);
  }
  document.addEventListener("keydown", key);
  index = firstOpen();
  save();
  show();
})();
