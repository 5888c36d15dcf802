// Package why answers why something did not work, for the mistakes that everybody
// makes once: a ping of a ClusterIP, a targetPort that nobody listens on, a selector
// that matches nothing, a name in the wrong namespace.
//
// It is pure: it is given a journey, or a name, and lists of objects, and says only what
// both of them show. What it does not know for certain it leaves unsaid. It must not know
// how packets are captured, or change anything.
package why
