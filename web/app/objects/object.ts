// One object of the API, as it is now: read whole and watched while somebody looks.
import { signal } from "@preact/signals-core";
import type { Ref } from "../state/resource";
import { type Kind, pathOf } from "./discovery";
import { follow } from "./follow";
import { ACCEPT, type Column } from "./table";

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
}

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    creationTimestamp?: string;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    finalizers?: string[];
    ownerReferences?: OwnerReference[];
    managedFields?: unknown;
  };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  data?: Record<string, string> | null;
  [field: string]: unknown;
}

interface Table {
  metadata?: { resourceVersion?: string };
  columnDefinitions?: Column[] | null;
  rows?: { cells: unknown[]; object: KubeObject }[] | null;
}

export class LiveObject {
  readonly object = signal<KubeObject | null>(null);
  readonly columns = signal<readonly Column[]>([]); // as kubectl get prints it
  readonly cells = signal<readonly unknown[]>([]);
  readonly gone = signal(false);
  readonly trouble = signal("");
  #stop: (() => void) | null = null;

  constructor(
    readonly kind: Kind,
    readonly ref: Ref,
  ) {}

  start(): void {
    this.#stop ??= follow<Table, Table>({
      path: pathOf(this.kind, this.ref.namespace),
      query: { fieldSelector: `metadata.name=${escape(this.ref.name)}`, includeObject: "Object" },
      accept: ACCEPT,
      watchable: this.kind.verbs.includes("watch"),
      list: (t) => this.#take(t),
      change: (told) => {
        const last = told.at(-1)!;
        if (last.type === "DELETED") this.gone.value = true;
        else this.#take(last.object);
      },
      say: (trouble) => (this.trouble.value = trouble),
    });
  }

  stop(): void {
    this.#stop?.();
    this.#stop = null;
  }

  #take(t: Table): void {
    const row = t.rows?.[0];
    if (t.columnDefinitions?.length) this.columns.value = t.columnDefinitions;
    this.gone.value = row === undefined;
    if (!row) return;
    this.cells.value = row.cells;
    this.object.value = row.object;
  }
}

/** A value within a field selector (k8s.io/apimachinery/pkg/fields, EscapeValue). */
export const escape = (value: string): string => value.replace(/[\\,=]/g, "\\$&");
