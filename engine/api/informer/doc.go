// Package informer makes informers that cost next to nothing for kinds a
// session does not use: an informers.SharedInformerFactory whose informers run
// only from their kind's first object on. Until then they are in sync, because
// the store says that there is nothing. Most sessions use few of the kinds that
// upstream's controllers, scheduler and admission plugins watch.
//
// It must not know what the informers are for.
package informer
