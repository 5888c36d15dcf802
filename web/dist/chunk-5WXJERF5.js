import{b as e}from"./chunk-H7TZI3GP.js";function t(i){e.value=i}export{t as a};
