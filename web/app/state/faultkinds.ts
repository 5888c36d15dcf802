// The faults that there are, by their IDs, and how bad they are offered to be.
import type { FaultSettings } from "../model";

export interface Preset {
  text: string;
  title: string;
  settings: FaultSettings;
}

export const DNS = "service/kube-system/kube-dns";

export const LINK: readonly Preset[] = [
  { text: "Slow: 200 ms", title: "Each packet is held for 200 ms, each way", settings: { delayMs: 200 } },
  { text: "Lossy: 30 %", title: "Three of ten packets are lost, each way", settings: { loss: 30 } },
  { text: "Narrow: 1 Mbit/s", title: "No more passes, each way; what would wait too long is lost", settings: { rateKbit: 1000 } },
];

export const NAMES: readonly Preset[] = [
  { text: "DNS slow: 2 s", title: "Each answer is held for two seconds", settings: { delayMs: 2000 } },
  { text: "DNS lossy: 50 %", title: "Half of the questions get no answer", settings: { loss: 50 } },
];

/** The ID of a fault: its kind, and what it is about. */
export const faultID = (kind: string, target: string): string => (kind === "dns" ? kind : `${kind}.${target.replaceAll("/", ".")}`);
