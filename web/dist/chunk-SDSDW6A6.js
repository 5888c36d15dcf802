var t=[];function e(o){t.push(o)}function i(){return t.flatMap(o=>o())}var n=new Set;function r(o){return n.add(o),()=>{n.delete(o)}}function d(){for(let o of n)o()}export{e as a,i as b,r as c,d};
