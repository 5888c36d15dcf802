// Package proxy serves routing tables in the network namespaces of pods: it
// listens there, and connects to backends from there, so that each packet takes
// the way that those of a program in the pod would.
//
// It must know nothing of Kubernetes: tables come from the planner, namespaces from
// the engine, and who wants to know which connection belongs to which is told.
package proxy
