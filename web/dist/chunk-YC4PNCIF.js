var n=[];function o(e){n.push(e)>1||setTimeout(()=>{let t=document.getElementById("announce");t&&(t.textContent=n.join(". ")),n=[]},150)}export{o as a};
