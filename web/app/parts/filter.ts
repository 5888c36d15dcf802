// <journey-filter>: the words of the filter as chips, and a field for more of them.
import { computed, signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import type { Vertex } from "../model";
import { packetsURL } from "../state/api";
import { recorded } from "../state/data";
import { format, type Key, KEYS, parse, protocols, type Term, VERDICTS } from "../state/filter";
import { Part } from "../state/part";
import { reveal } from "../state/reveal";
import { calls } from "../state/calls";
import { addTerms, apart, clearTerms, draft, filtered, hidden, onlyTerm, removeTerm, showCalls, shown, terms, withCalls } from "../state/shown";
import { conversations, forgotten, vertices } from "../state/store";
import { plural } from "../state/text";
import { showTab } from "./dock";

const problem = signal("");
const written = signal(""); // the word that is being typed
const MOST_OFFERS = 200;

// What could be typed: names are offered as they are told apart.
const offers = computed<string[]>(() => {
  const kinds: [string, Key][] = [["Service", "service"], ["Pod", "pod"], ["NetworkPolicy", "policy"], ["Node", "node"]];
  const names = kinds.flatMap(([kind, key]) => [...vertices.value.values()].filter((v) => v.kind === kind).map((v) => word(key, nameIn(v))));
  return [...VERDICTS.map((v) => word("verdict", v)), ...known.value.map((p) => word("protocol", p.toLowerCase())), ...names, "from:client", "to:client"].slice(0, MOST_OFFERS);
});
const known = computed(() => [...new Set(["TCP", "UDP", "ICMP", "DNS", "HTTP", ...conversations.value.slice(0, 100).flatMap((c) => c.journeys.slice(0, 4).flatMap(protocols))])].sort());

const word = (key: Key, value: string): string => format({ key, value, not: false });
const nameIn = (v: Vertex): string => (v.namespace && v.namespace !== "default" ? `${v.namespace}/${v.name}` : v.name);

class JourneyFilter extends Part {
  protected view(): TemplateResult {
    return html`<div class="filter" role="search" aria-label="Filter journeys">
      <div class="filter-field">
        ${terms.value.map((t) => html`<button type="button" class="term" aria-label=${`Remove ${format(t)} from the filter`} title="Remove" @click=${() => this.#remove(t)}>${format(t)}<span aria-hidden="true">×</span></button>`)}
        <input id="filter" type="text" .value=${written.value} list="filter-offers" autocomplete="off" autocapitalize="off" spellcheck="false" aria-label="Filter journeys" aria-describedby="filter-count" aria-keyshortcuts="/"
          placeholder=${terms.value.length > 0 ? "and…" : "Filter: pod:web-1 verdict:dropped proto:udp"} @input=${this.#input} @keydown=${this.#key} @blur=${() => this.#take()}>
        <datalist id="filter-offers">${offers.value.map((o) => html`<option value=${o}></option>`)}</datalist>
      </div>
      <span class="filter-count" id="filter-count" role="status">${problem.value ? html`<span class="bad">${problem.value}</span>` : filtered.value ? html`${shown.value.length} shown, ${hidden.value} hidden` : nothing}</span>
      ${filtered.value ? html`<button type="button" class="quiet clear" @click=${this.#clear}>Clear</button>` : nothing}
      ${calls.value.size > 0 ? html`<label class="calls" title="What kubectl, or curl, says to the control plane's own address. It is captured like all the rest."><input type="checkbox" .checked=${!withCalls.value} @change=${(e: Event) => showCalls(!(e.target as HTMLInputElement).checked)}>
        without calls of the API server${apart.value > 0 ? html`, <span class="number">${apart.value}</span> hidden` : nothing}</label>` : nothing}
      <span class="filter-rest">${forgotten.value > 0 ? html`<span class="muted forgotten" title="The page keeps the latest 2000 packets">${plural(forgotten.value, "older packet")} not kept here</span>` : nothing}
        ${recorded ? nothing : html`<a class="link" href=${packetsURL()} download title="All packets that the session keeps, for Wireshark">pcapng</a>`}</span>
    </div>`;
  }

  #input = (event: Event): void => {
    const field = event.target as HTMLInputElement;
    problem.value = "";
    const picked = !(event instanceof InputEvent) || event.inputType === "insertReplacementText";
    written.value = field.value;
    // A space ends a word, unless it is inside quotes.
    if ((picked && offers.value.includes(field.value)) || (/\s$/.test(field.value) && (field.value.split('"').length & 1) === 1)) this.#take();
    else draft.value = unfinished(field.value);
  };

  #key = (event: KeyboardEvent): void => {
    if (event.key === "Enter") {
      event.preventDefault();
      this.#take();
    } else if (event.key === "Escape" && (written.value !== "" || problem.value !== "")) {
      event.preventDefault();
      this.#write("");
    } else if (event.key === "Backspace" && written.value === "") {
      const last = terms.value.at(-1);
      if (last) removeTerm(last);
    }
  };

  // What stands in the field becomes chips; what cannot stays, and says why.
  #take(): void {
    try {
      const more = parse(written.value);
      this.#write("");
      if (more.length > 0) addTerms(more);
    } catch (e) {
      draft.value = [];
      problem.value = (e as Error).message;
    }
  }

  #write(text: string): void {
    written.value = text;
    draft.value = [];
    problem.value = "";
  }

  #remove(t: Term): void {
    removeTerm(t);
    this.querySelector("input")?.focus();
  }

  #clear = (): void => {
    this.#write("");
    clearTerms();
    this.querySelector("input")?.focus();
  };
}

// A word that is not finished yet stands for all that begin with it.
function unfinished(text: string): Term[] {
  try {
    return parse(`${text}*`).map((t) => (t.key === "text" ? { ...t, value: t.value.replace(/\*$/, "") } : t)).filter((t) => t.value !== "");
  } catch {
    return [];
  }
}

/** Goes to the filter's field. */
export function findJourneys(): void {
  showTab("journeys");
  reveal("dock");
  document.getElementById("filter")?.focus();
}

/** The word that stands for an object; undefined where there is none. */
export function termOf(v: Vertex): Term | undefined {
  const key = KEYS.find((k) => k === ({ Pod: "pod", Service: "service", NetworkPolicy: "policy", Node: "node" } as Record<string, string>)[v.kind]);
  return key && { key, value: nameIn(v), not: false };
}

/** Shows the journeys of one object alone. */
export function showJourneysOf(t: Term): void {
  onlyTerm(t);
  showTab("journeys");
  reveal("dock");
}

customElements.define("journey-filter", JourneyFilter);
