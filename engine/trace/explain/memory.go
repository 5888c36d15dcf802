package explain

import "github.com/podhop/podhop/engine/model"

// maxMemory bounds how many connections' decisions are remembered.
const maxMemory = 16384

// memory is what the rules decided on the first packet of a connection, which
// conntrack applies to all others without asking the rules again.
type memory struct {
	byKey map[memoryKey]remembered
	order []memoryKey
	// stuck is when a client was first sent to the endpoint that it keeps to.
	stuck map[memoryKey]int64
}

// since notes a connection of a client with session affinity, and returns when the one
// was that chose its endpoint; false if that was before anybody watched.
func (m *memory) since(k memoryKey, at int64, sticky bool) (int64, bool) {
	if !sticky {
		if m.stuck == nil || len(m.stuck) >= maxMemory {
			m.stuck = map[memoryKey]int64{}
		}
		m.stuck[k] = at
	}
	since, ok := m.stuck[k]
	return since, ok && since <= at
}

type memoryKey struct {
	conversation, node string
}

type remembered struct {
	dnat       *model.Decision
	masquerade *model.Decision
}

func (m *memory) get(conversation, node string) remembered {
	return m.byKey[memoryKey{conversation, node}]
}

func (m *memory) put(conversation, node string, d *model.Decision) {
	k := memoryKey{conversation, node}
	r, known := m.byKey[k]
	switch d.Kind {
	case kindDNAT:
		r.dnat = d
	case kindMasquerade, kindSNAT:
		r.masquerade = d
	default:
		return
	}
	m.byKey[k] = r
	if known {
		return
	}
	if m.order = append(m.order, k); len(m.order) > maxMemory {
		delete(m.byKey, m.order[0])
		m.order = m.order[1:]
	}
}
