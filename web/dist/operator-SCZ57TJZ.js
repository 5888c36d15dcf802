import{a as w}from"./chunk-S7E36IBV.js";import{a as n,d as l,f as v}from"./chunk-YXAX7WSN.js";import{a as m}from"./chunk-PZA4FBY3.js";function u(t){let e=["B","KiB","MiB","GiB","TiB"],s=0;for(;t>=1024&&s<e.length-1;s++)t/=1024;return`${t>=100||s===0?Math.round(t):t.toFixed(1)} ${e[s]}`}function c(t){let e=Math.max(0,Math.round(t));if(e<60)return`${e} s`;let s=Math.round(e/60);return s<60?`${s} min`:`${Math.floor(s/60)} h ${s%60} min`}var x=(t,e)=>c((e-Date.parse(t))/1e3),i=(t,e)=>({name:t,number:!0,text:s=>String(s[e]),value:s=>s[e]}),d=[{name:"Session",text:t=>t.session,value:t=>t.session},{name:"State",text:t=>t.state,value:t=>t.state},{name:"Age",number:!0,text:(t,e)=>x(t.born,e),value:t=>-Date.parse(t.born)},{name:"Left",number:!0,text:(t,e)=>c((Date.parse(t.until)-e)/1e3),value:t=>Date.parse(t.until)},{name:"Owner",text:t=>t.owner??"",value:t=>t.owner??""},{name:"CPU",number:!0,text:t=>t.cpu.toFixed(2),value:t=>t.cpu},{name:"Memory",number:!0,text:t=>u(t.memory),value:t=>t.memory},i("Nodes","nodes"),i("Containers","containers"),i("Processes","processes"),i("Objects","objects"),i("Viewers","viewers"),{name:"Journal",number:!0,text:t=>u(t.journal),value:t=>t.journal},{name:"API",number:!0,text:t=>c(t.asked),value:t=>t.asked},i("Refused","refused"),i("Rules broken","breaches")];function f(t,e,s){let r=d[e].value,o=s?-1:1;return[...t].sort((a,h)=>{let b=r(a),$=r(h);return b<$?-o:b>$?o:0})}var k=3e3,y=t=>t.name==="cpu"?"CPU pressure":t.name.charAt(0).toUpperCase()+t.name.slice(1),p=class extends HTMLElement{now=null;trouble="";by=2;down=!0;timer=0;connectedCallback(){document.addEventListener("visibilitychange",this.look),this.replaceChildren(),this.look()}disconnectedCallback(){document.removeEventListener("visibilitychange",this.look),clearTimeout(this.timer)}look=async()=>{if(clearTimeout(this.timer),!document.hidden){try{let e=await fetch(m("/api/operator"));if(!e.ok)throw new Error((await e.json()).detail??e.statusText);this.now=await e.json(),this.trouble=""}catch(e){this.trouble=`What follows is not as it is now: ${g(e)}`}this.isConnected&&(this.draw(),clearTimeout(this.timer),this.timer=setTimeout(this.look,k))}};async act(e,s){if(await w(s==="end"?{title:`End session ${e} for good?`,text:"All that runs in it ends, and nobody can open it again.",yes:"End it",danger:!0}:{title:`Park session ${e}?`,text:"What runs in it ends. Whoever asks for it has it opened again.",yes:"Park it"})){try{let o=await fetch(m(`/api/operator/sessions/${e}/${s}`),{method:"POST"});if(!o.ok)throw new Error((await o.json().catch(()=>null))?.detail??o.statusText)}catch(o){return this.trouble=g(o),this.draw()}await this.look()}}sort(e){this.down=this.by===e?!this.down:d[e].number===!0,this.by=e,this.draw()}draw(){let e=this.now;v(n`
      <p class="bad" role="status" ?hidden=${!this.trouble}>${this.trouble}</p>
      ${e?n`${this.room(e)}${this.sessions(e)}${this.queue(e)}${this.breaches(e)}`:l}`,this)}room(e){let s=e.capacity;return n`<section>
      <h2 id="room-title">${s.room===0?"No room for another session":`Room for ${s.room} more`}</h2>
      <p class="muted">${s.room===0?`It is full for want of ${s.binds}; who comes waits.`:`What runs out first: ${s.binds}.`}</p>
      <ul class="room">${(s.parts??[]).map(r=>this.meter(r,r.name===s.binds))}</ul>
    </section>`}meter(e,s){let r=a=>e.unit==="bytes"?u(a):e.unit==="percent"?`${a.toFixed(0)} %`:String(Math.round(a)),o=e.of||1;return n`<li>
      <span class="room-name"><span class=${s?"binds":""}>${y(e)}</span><span>${e.unit==="percent"?r(e.used):`${r(e.used)} of ${r(e.of)}`}</span></span>
      <meter aria-label=${y(e)} min="0" max=${o} low=${o*.7} high=${o*.9} optimum="0" .value=${e.used}></meter>
      <span class="muted">${e.room<0?"limits nothing":`room for ${e.room}`}${e.each>1?`, ${r(e.each)} each`:""}</span>
    </li>`}sessions(e){let s=Date.parse(e.time),r=e.sessions??[];return n`<section>
      <h2 id="sessions" tabindex="-1">${r.length===1?"1 session":`${r.length} sessions`}</h2>
      ${r.length===0?n`<p class="muted">Nobody has one now.</p>`:n`
      <div class="operator-scroll" tabindex="0" role="region" aria-labelledby="sessions"><table>
        <thead><tr>${d.map((o,a)=>n`<th scope="col" class=${o.number?"number":""} aria-sort=${this.by===a?this.down?"descending":"ascending":l}>
          <button type="button" @click=${()=>this.sort(a)}>${o.name}${this.by===a?n`<span aria-hidden="true"> ${this.down?"\u2193":"\u2191"}</span>`:l}</button></th>`)}
          <th scope="col"><span class="hidden">What to do</span></th></tr></thead>
        <tbody>${f(r,this.by,this.down).map(o=>n`<tr>
          ${d.map((a,h)=>n`<td class=${a.number?"number":""}>${h===0?n`<code>${a.text(o,s)}</code>`:a.text(o,s)}</td>`)}
          <td><span class="deeds">
            <button type="button" class="quiet" ?hidden=${o.state==="parked"} aria-label=${`Park ${o.session}`} @click=${()=>this.act(o.session,"park")}>Park</button>
            <button type="button" class="quiet" aria-label=${`End ${o.session}`} @click=${()=>this.act(o.session,"end")}>End</button></span></td>
        </tr>`)}</tbody>
      </table></div>`}
    </section>`}queue(e){let s=e.queue??[];return n`<section>
      <h2 id="queue-title">${s.length===0?"Nobody waits":`${s.length} wait`}</h2>
      ${s.length===0?l:n`<div class="operator-scroll" tabindex="0" role="region" aria-labelledby="queue-title"><table>
        <thead><tr><th scope="col" class="number">Place</th><th scope="col">Ticket</th><th scope="col">Who</th><th scope="col">Turn</th></tr></thead>
        <tbody>${s.map((r,o)=>n`<tr><td class="number">${o+1}</td><td><code>${r.ticket}</code></td><td>${r.member?"member of a class":""}</td><td>${r.turn?"a place is held":""}</td></tr>`)}</tbody>
      </table></div>`}
    </section>`}breaches(e){let s=Date.parse(e.time),r=[...e.breaches??[]].reverse();return n`<section>
      <h2 id="breaches-title">Rules that were broken</h2>
      ${r.length===0?n`<p class="muted">None, since this server began.</p>`:n`<div class="operator-scroll" tabindex="0" role="region" aria-labelledby="breaches-title"><table>
        <thead><tr><th scope="col" class="number">Ago</th><th scope="col">Session</th><th scope="col">Pod</th><th scope="col">Rule</th><th scope="col">What</th></tr></thead>
        <tbody>${r.map(o=>n`<tr><td class="number">${c((s-Date.parse(o.time))/1e3)}</td><td><code>${o.session}</code></td><td>${o.pod??""}</td><td>${o.rule}</td>
          <td class="text">${o.text}${o.ended?" The session was ended.":""}</td></tr>`)}</tbody>
      </table></div>`}
    </section>`}},g=t=>t instanceof TypeError?"the server could not be reached.":t instanceof Error?t.message:String(t);customElements.define("operator-page",p);
