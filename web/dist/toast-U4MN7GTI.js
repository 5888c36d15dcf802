import{a}from"./chunk-MESDWXSF.js";import"./chunk-SDSDW6A6.js";import"./chunk-YC4PNCIF.js";export{a as toast};
