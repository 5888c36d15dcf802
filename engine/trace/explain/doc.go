// Package explain says what happened to a packet: it turns a joined way into a
// model.Journey, whose hops name the rule that decided, the object that the rule
// stands for, and say it in one plain sentence.
//
// It is pure: rules and names are given to it, and it must not know how either
// were got. What it says, it says of what was captured; where it does not know,
// it says less, and never fills in from manifests.
package explain
