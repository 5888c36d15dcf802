// What programs said in one conversation: requests, each with its answer.
import type { Journey } from "../model";

export interface Exchange {
  protocol: string; // "DNS", "HTTP", "HTTP/2", "TLS", "ARP"
  question: string; // "A web.default.svc.cluster.local", "GET /"
  answer: string; // "10.96.3.4", "200 OK"; empty if none was seen
}

/** Puts answers to their questions: those that name one to that, others in their order. */
export function exchangesOf(journeys: readonly Journey[]): Exchange[] {
  const all: Exchange[] = [];
  for (const j of journeys) {
    for (const m of j.application ?? kernels(j)) {
      const last = all.at(-1);
      if (!m.answer) {
        // DNS asks again when it got no answer.
        const again = all.some((x) => x.protocol === m.protocol && x.protocol === "DNS" && x.question === m.text && x.answer === "");
        if (!again) all.push({ protocol: m.protocol, question: m.text, answer: "" });
        continue;
      }
      if (m.protocol === "HTTP" && m.text.startsWith("1") && last?.answer === "") continue; // "100 Continue": the answer follows
      const asked = all.find((x) => x.protocol === m.protocol && x.answer === "" && (m.about === undefined || x.question === m.about));
      if (asked) asked.answer = m.text;
      else if (!m.about || !all.some((x) => x.protocol === m.protocol && x.question === m.about)) all.push({ protocol: m.protocol, question: m.about ?? "", answer: m.text });
    }
  }
  // How HTTP/2 begins is told where nothing else could be read.
  return all.length > 1 ? all.filter((x) => x.question !== "connection preface") : all;
}

// Pings, and who has an address, are asked and answered by kernels.
function kernels(j: Journey): NonNullable<Journey["application"]> {
  const echo = /^Echo (request|reply) \d+/.exec(j.summary);
  if (echo) return [{ protocol: j.protocol, text: echo[0], answer: j.reply }];
  if (j.protocol !== "ARP" && !(j.protocol === "ICMPv6" && / (has|have|is) /.test(j.summary))) return [];
  return [{ protocol: j.protocol === "ARP" ? "ARP" : "ND", text: j.summary, answer: j.reply }];
}

/** One exchange as a line: "DNS: A web → 10.96.3.4", "GET / → 200 OK". */
export function exchangeText(x: Exchange): string {
  const line = [x.question, x.answer].filter(Boolean).join(" → ");
  return x.protocol === "HTTP" ? line : `${x.protocol}: ${line}`;
}

/** The first of them, and how many more there are. */
export function exchangesText(all: readonly Exchange[]): string {
  const [first] = all;
  if (!first) return "";
  return exchangeText(first) + (all.length > 1 ? `, and ${all.length - 1} more` : "");
}

/** Whether a packet is an ICMP error: it answers nothing. */
export function isError(j: Journey): boolean {
  return j.protocol.startsWith("ICMP") && /unreachable|exceeded|prohibited|needed|too big|problem/i.test(j.summary);
}
