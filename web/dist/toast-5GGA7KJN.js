import{e as a}from"./chunk-UEY35MVD.js";import"./chunk-YC4PNCIF.js";export{a as toast};
