// The way into a class, large enough to be read from the last row, and to be photographed from there.
import { html, type TemplateResult } from "lit-html";
import { copy } from "../state/copy";
import { joinLink, joinPage, joinPicture } from "./paths";

export function bigCode(key: string, code: string): TemplateResult {
  const link = joinLink(code);
  const address = new URL(joinPage(""), location.href);
  return html`<div class="way-in"><img class="the-picture" src=${joinPicture(key)} alt=${`QR code that leads to ${link}`} />
    <div><p>Scan it, or go to <b>${address.host}${address.pathname}</b> and enter</p>
    <p class="the-code"><span aria-hidden="true">${code}</span><span class="hidden">${[...code].join(" ")}</span></p>
    <p class="the-link"><a href=${link} target="_blank" rel="noopener">${link}</a> <button type="button" class="quiet" data-first @click=${() => void copy(link)}>Copy the link</button></p></div></div>`;
}
