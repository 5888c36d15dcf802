import{h as e}from"./chunk-XABWUQI3.js";function t(i){e.value=i}export{t as a};
