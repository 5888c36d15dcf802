// <what-if>: what a change of NetworkPolicies would do. What draws it is a later
// chunk, which comes when the tab is first looked at.
import { effect } from "@preact/signals-core";
import type { TemplateResult } from "lit-html";
import { later } from "../state/later";
import { Part } from "../state/part";
import { isUp } from "./dock";

const drawing = later(() => import("./whatif-view"));

class WhatIfPanel extends Part {
  protected view(): TemplateResult {
    return drawing.draw((m) => m.view());
  }

  protected override drawn(): void {
    drawing.here.peek()?.drawn(this);
  }
}

effect(() => {
  if (!isUp("whatif")) return;
  drawing.load();
  drawing.here.value?.shown();
});

customElements.define("what-if", WhatIfPanel);
