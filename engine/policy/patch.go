package policy

import (
	"reflect"
	"slices"
)

// A patch is what has to be done to make one table another.
type patch struct {
	added     []Chain
	longer    []Chain  // rules to append to chains that have others already
	changed   []Chain  // to be written anew
	gone      []string // chains
	addedSets []Set
	elements  []elements
	goneSets  []Set
}

// elements are what differs between two sets of the same name.
type elements struct {
	remove, add Set
	flush       bool // all there are, in place of remove
}

// diff plans a patch; false if only writing the table whole will do.
func diff(now, desired Table) (p patch, ok bool) {
	if len(now.Chains) == 0 || len(desired.Chains) == 0 {
		return p, false
	}
	had := map[string]Chain{}
	for _, ch := range now.Chains {
		had[ch.Name] = ch
	}
	for _, ch := range desired.Chains {
		was, is := had[ch.Name]
		delete(had, ch.Name)
		switch {
		case !is:
			p.added = append(p.added, ch)
		case reflect.DeepEqual(was, ch):
		case len(was.Rules) < len(ch.Rules) && reflect.DeepEqual(was.Rules, ch.Rules[:len(was.Rules)]):
			// To delete a rule takes the kernel some 10 ms: nobody may be in it any more.
			p.longer = append(p.longer, Chain{Name: ch.Name, Rules: ch.Rules[len(was.Rules):]})
		default:
			p.changed = append(p.changed, ch)
		}
	}
	for _, ch := range now.Chains {
		if _, is := had[ch.Name]; is {
			p.gone = append(p.gone, ch.Name)
		}
	}
	sets := map[string]Set{}
	for _, s := range now.Sets {
		sets[s.Name] = s
	}
	for _, s := range desired.Sets {
		was, is := sets[s.Name]
		delete(sets, s.Name)
		switch {
		case !is:
			p.addedSets = append(p.addedSets, s)
		case was.Type != s.Type || was.Six != s.Six:
			return p, false
		case !reflect.DeepEqual(was, s):
			p.elements = append(p.elements, was.to(s))
		}
	}
	for _, s := range now.Sets {
		if _, is := sets[s.Name]; is {
			p.goneSets = append(p.goneSets, s)
		}
	}
	return p, true
}

// to is how a set becomes another. Intervals are written anew: those that are
// there and those that come may overlap.
func (s Set) to(desired Set) elements {
	if s.Type == Blocks {
		return elements{add: desired, flush: true}
	}
	d := elements{remove: s, add: desired}
	d.remove.Ranges, d.add.Ranges = apart(s.Ranges, desired.Ranges)
	d.remove.Endpoints, d.add.Endpoints = apart(s.Endpoints, desired.Endpoints)
	d.remove.Gotos, d.add.Gotos = apart(s.Gotos, desired.Gotos)
	return d
}

// apart are those that only the one, and only the other has.
func apart[T comparable](a, b []T) (onlyA, onlyB []T) {
	in := make(map[T]bool, len(a))
	for _, x := range a {
		in[x] = true
	}
	for _, x := range b {
		if in[x] {
			delete(in, x)
		} else {
			onlyB = append(onlyB, x)
		}
	}
	return slices.DeleteFunc(slices.Clone(a), func(x T) bool { return !in[x] }), onlyB
}

// messages is how much it is to send, as Table.messages.
func (p patch) messages() int {
	n := 2*len(p.gone) + len(p.goneSets)
	for _, ch := range slices.Concat(p.added, p.longer, p.changed) {
		n += 1 + len(ch.Rules)
	}
	for _, s := range p.addedSets {
		n += s.messages()
	}
	for _, d := range p.elements {
		n++ // to flush, or to remove
		n += (d.remove.len() + d.add.len() + 15) / 16
	}
	return n
}
