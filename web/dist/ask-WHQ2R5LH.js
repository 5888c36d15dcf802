import{a,b}from"./chunk-S7E36IBV.js";import"./chunk-YXAX7WSN.js";export{a as ask,b as askWith};
