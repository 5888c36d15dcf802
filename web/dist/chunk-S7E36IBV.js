import{a as o,d as a,f as s}from"./chunk-YXAX7WSN.js";async function u(t){return await r(t)!==null}function r(t,n){let e=document.createElement("dialog");return e.className="ask",e.setAttribute("aria-labelledby","ask-title"),e.setAttribute("aria-describedby","ask-text"),s(o`<form method="dialog">
    <h2 id="ask-title">${t.title}</h2>
    <p id="ask-text">${t.text}</p>
    ${n?o`<label class="choice"><input type="checkbox" name="choice" ?checked=${n.on}><span>${n.text}</span></label>`:a}
    <div class="actions"><button class=${t.danger?"danger":"primary"} value="yes">${t.yes}</button>
      <button class="quiet" value="" autofocus>${t.no??"Cancel"}</button></div></form>`,e),document.body.append(e),new Promise(i=>{e.addEventListener("close",()=>{let l=e.querySelector("[name=choice]")?.checked??!1;e.remove(),i(e.returnValue==="yes"?{on:l}:null)}),e.showModal()})}export{u as a,r as b};
