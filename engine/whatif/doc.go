// Package whatif tells what a change of NetworkPolicies would do, before it is made:
// who could reach whom then, port by port, and which conversations that go on now
// would be cut or allowed. It has no opinion of its own: it asks the planner that the
// nodes' rules come from (engine/policy) twice, with the objects as they are and as
// they would be.
//
// It is pure: it is given objects, addresses and journeys, and must know neither
// sessions nor informers nor the kernel.
package whatif
