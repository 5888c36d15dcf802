import{a as o}from"./chunk-2FC42S6Y.js";import{f as i,g as s}from"./chunk-JRKOJY3Y.js";import{a}from"./chunk-YXAX7WSN.js";function c(t){let n=s(t),e=new URL(i(""),location.href);return a`<div class="way-in"><p>Go to <b>${e.host}${e.pathname}</b> and enter</p>
    <p class="the-code"><span aria-hidden="true">${t}</span><span class="hidden">${[...t].join(" ")}</span></p>
    <p class="the-link"><a href=${n} target="_blank" rel="noopener">${n}</a> <button type="button" class="quiet" data-first @click=${()=>{o(n)}}>Copy the link</button></p></div>`}export{c as a};
