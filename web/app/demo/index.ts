// One chunk for all that has to do with looking on: of several, each would cut those that every
// page loads into smaller ones.
export { duplicate } from "./fork";
export { present } from "./presenter";
export { open as share } from "./share";
export { look, receive } from "./viewer";
