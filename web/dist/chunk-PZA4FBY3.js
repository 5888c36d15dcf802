var e=document.documentElement.dataset.base??"",n=t=>e+t;export{n as a};
