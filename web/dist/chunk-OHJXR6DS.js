import{a}from"./chunk-2FC42S6Y.js";import{f as o,g as s,h as r}from"./chunk-6W5S3CZN.js";import{a as i}from"./chunk-YXAX7WSN.js";function h(p,e){let t=r(e),n=new URL(o(""),location.href);return i`<div class="way-in"><img class="the-picture" src=${s(p)} alt=${`QR code that leads to ${t}`} />
    <div><p>Scan it, or go to <b>${n.host}${n.pathname}</b> and enter</p>
    <p class="the-code"><span aria-hidden="true">${e}</span><span class="hidden">${[...e].join(" ")}</span></p>
    <p class="the-link"><a href=${t} target="_blank" rel="noopener">${t}</a> <button type="button" class="quiet" data-first @click=${()=>{a(t)}}>Copy the link</button></p></div></div>`}export{h as a};
