// <terminal-panel>: where terminals are. What draws them is a later chunk, fetched when
// the panel is in sight for the first time.

class TerminalPanel extends HTMLElement {
  connectedCallback(): void {
    const seen = new ResizeObserver(() => {
      if (this.clientWidth === 0) return;
      seen.disconnect();
      void import("../terminal/panel").then((m) => m.welcome());
    });
    seen.observe(this);
  }
}

customElements.define("terminal-panel", TerminalPanel);
