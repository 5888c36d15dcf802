// A kind's table as the API prints it (meta.k8s.io/v1 Table), kept up to date by a watch.
import { batch, computed, signal } from "@preact/signals-core";
import { follow, type Told } from "./follow";
import { type Kind, pathOf } from "./discovery";

export interface Column {
  name: string;
  type: string;
  priority: number; // above 0: of kubectl get -o wide alone
  description?: string;
}

export interface Row {
  key: string;
  namespace: string;
  name: string;
  created: number; // ms since the epoch; NaN if unknown
  cells: readonly unknown[];
}

interface Table {
  metadata?: { resourceVersion?: string; continue?: string };
  columnDefinitions?: Column[] | null;
  rows?: { cells: unknown[]; object?: { metadata?: { uid?: string; name?: string; namespace?: string; creationTimestamp?: string } } }[] | null;
}

export const ACCEPT = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

export class ResourceTable {
  readonly columns = signal<readonly Column[]>([]);
  readonly rows = signal<ReadonlyMap<string, Row>>(new Map());
  readonly trouble = signal("");
  readonly loaded = signal(false);
  readonly sort = signal<{ column: number; down: boolean }>({ column: -1, down: false }); // -1: namespace and name
  readonly filter = signal("");
  readonly #pending: Told<Table>[] = [];
  #frame = 0;
  #stop: (() => void) | null = null;
  #whole = new Map<string, Row>();

  /** What is shown: the rows that the filter leaves, in order. */
  readonly shown = computed<Row[]>(() => {
    const t = this.filter.value.trim().toLowerCase();
    const all = [...this.rows.value.values()].filter((r) => t === "" || r.name.toLowerCase().includes(t));
    const { column, down } = this.sort.value;
    const of = this.columns.value[column];
    const byName = (a: Row, b: Row) => order.compare(a.namespace, b.namespace) || order.compare(a.name, b.name);
    const by = !of ? byName : isAge(of) ? (a: Row, b: Row) => b.created - a.created || byName(a, b) : (a: Row, b: Row) => compare(a.cells[column], b.cells[column]) || byName(a, b);
    all.sort(by);
    return down ? all.reverse() : all;
  });

  constructor(
    readonly kind: Kind,
    readonly namespace: string, // all without one
    private readonly changed: () => void = () => {},
  ) {}

  start(): void {
    this.#stop ??= follow<Table, Table>({
      path: pathOf(this.kind, this.namespace),
      accept: ACCEPT,
      watchable: this.kind.verbs.includes("watch"),
      list: (page, first) => this.#list(page, first),
      change: (told) => {
        this.#pending.push(...told);
        this.#frame ||= requestAnimationFrame(this.#take);
      },
      say: (trouble) => (this.trouble.value = trouble),
    });
  }

  stop(): void {
    this.#stop?.();
    this.#stop = null;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#take();
  }

  #list(page: Table, first: boolean): void {
    batch(() => {
      this.#pending.length = 0;
      const next = first ? new Map<string, Row>() : new Map(this.#whole);
      if (page.columnDefinitions) this.columns.value = page.columnDefinitions;
      for (const r of rowsOf(page)) next.set(r.key, r);
      this.#whole = next;
      this.rows.value = next;
      this.loaded.value = true;
    });
    this.changed();
  }

  // All that came until this frame at once: the map is copied each time.
  #take = (): void => {
    this.#frame = 0;
    const told = this.#pending.splice(0);
    if (told.length === 0) return;
    const next = new Map(this.#whole);
    for (const t of told) {
      if (t.object.columnDefinitions?.length && this.columns.peek().length === 0) this.columns.value = t.object.columnDefinitions;
      for (const r of rowsOf(t.object)) {
        if (t.type === "DELETED") next.delete(r.key);
        else next.set(r.key, r);
      }
    }
    this.#whole = next;
    this.rows.value = next;
    this.changed();
  };
}

/** The table that is open. */
export const table = signal<ResourceTable | null>(null);

const order = new Intl.Collator("en", { numeric: true });

export const isAge = (c: Column): boolean => c.name === "Age";

function rowsOf(t: Table): Row[] {
  return (t.rows ?? []).map((r) => {
    const m = r.object?.metadata ?? {};
    const name = m.name ?? text(r.cells[0]);
    const namespace = m.namespace ?? "";
    return { key: m.uid || `${namespace}/${name}`, namespace, name, created: Date.parse(m.creationTimestamp ?? ""), cells: r.cells };
  });
}

/** A cell as kubectl prints it; what is no text or number, as JSON. */
export function text(cell: unknown): string {
  if (cell === null || cell === undefined) return "";
  if (typeof cell === "object") return JSON.stringify(cell);
  return String(cell);
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return order.compare(text(a), text(b));
}

/** A span of time as kubectl prints it (k8s.io/apimachinery/pkg/util/duration, HumanDuration). */
export function human(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const [m, h, d] = [Math.floor(s / 60), Math.floor(s / 3600), Math.floor(s / 86400)];
  const two = (a: number, unit: string, b: number, small: string) => `${a}${unit}${b ? `${b}${small}` : ""}`;
  if (s < 120) return `${s}s`;
  if (m < 10) return two(m, "m", s % 60, "s");
  if (h < 3) return `${m}m`;
  if (h < 8) return two(h, "h", m % 60, "m");
  if (h < 48) return `${h}h`;
  if (d < 8) return two(d, "d", h % 24, "h");
  if (d < 365 * 2) return `${d}d`;
  const y = Math.floor(d / 365);
  return d < 365 * 8 ? two(y, "y", d % 365, "d") : `${y}y`;
}

const GOOD = /^(Running|Ready|Active|Bound|Available|Established|Complete|True|Approved.*)$/;
const DONE = /^(Completed|Succeeded|Released)$/;
const BAD = /^(.*(Error|BackOff|Failed|Invalid|Evicted|OOMKilled|NotReady|Unknown|Lost|Unhealthy|Terminated)|Failure|Err.*)(,.*)?$/;

/** How a status is marked, as on the map; "" for a cell that is none. */
export function tone(column: Column, cell: unknown): string {
  const name = column.name;
  const said = text(cell);
  if (name === "Ready" && /^\d+\/\d+$/.test(said)) {
    const [have, want] = said.split("/");
    return have === want ? "ready" : "starting";
  }
  if (name !== "Status" && name !== "Phase" && name !== "Ready" && name !== "State") return "";
  if (GOOD.test(said)) return "ready";
  if (DONE.test(said)) return "done";
  if (said === "Terminating") return "leaving";
  if (BAD.test(said) || (said === "False" && name === "Ready")) return "failing";
  return name === "Status" || name === "Phase" ? "starting" : "";
}
