// One chunk for all that is told of objects, and can be done with them.
export { clusterView } from "./clusterview";
export { objectView } from "./object";
export { resourceView } from "./sides";
