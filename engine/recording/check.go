package recording

import (
	"fmt"
	"reflect"

	"github.com/podhop/podhop/engine/model"
)

// weigh bounds what the text may become in memory, before it does. It counts, and
// leaves it to the decoder to say whether it is JSON.
func weigh(text []byte) error {
	var objects, values, nulls, depth int
	quoted, escaped := false, false
	for _, c := range text {
		if quoted {
			switch {
			case escaped:
				escaped = false
			case c == '\\':
				escaped = true
			case c == '"':
				quoted = false
			}
			continue
		}
		switch c {
		case '"':
			quoted = true
		case '{', '[':
			objects++
			depth++
		case '}', ']':
			depth--
		case ',':
			values++
		case 'n':
			nulls++
		}
		if depth > maxDepth || objects > maxObjects || values > maxValues || nulls > maxNulls {
			return fmt.Errorf("%w: the recording has more in it than any session keeps", model.ErrTooLarge)
		}
	}
	return nil
}

// check says whether a decoded recording is one that can be shown.
func check(r *model.Recording) error {
	switch span := r.To - r.From; {
	case r.From < 0 || span < 0 || r.To < 0:
		return invalid("it ends before it begins")
	case span > maxSpan:
		return invalid("it is longer than a week")
	case len(r.Moments) > maxMoments:
		return fmt.Errorf("%w: a recording may have %d moments, this one has %d", model.ErrTooLarge, maxMoments, len(r.Moments))
	case len(r.Manifests) > maxManifests:
		return fmt.Errorf("%w: a recording's manifests may have %d bytes, these have %d", model.ErrTooLarge, maxManifests, len(r.Manifests))
	}
	if named(&r.Session) {
		return invalid("it names a session")
	}
	last := r.From
	journeys := map[string]bool{}
	for i := range r.Moments {
		at, m := r.Moments[i].Time, &r.Moments[i].Message
		if at < last || at > r.To {
			return invalid("moment %d is out of its order", i)
		}
		last = at
		if m.Snapshot != nil || m.Type == "snapshot" || m.Type == "closed" || m.Type == "" {
			return invalid("moment %d has nothing to say", i)
		}
		if j := m.Journey; j != nil {
			if j.ID == "" || journeys[j.ID] {
				return invalid("moment %d is of a journey without a name of its own", i)
			}
			journeys[j.ID] = true
		}
		if m.Session != nil && named(m.Session) {
			return invalid("moment %d names a session", i)
		}
	}
	manifests := r.Manifests
	r.Manifests = ""
	defer func() { r.Manifests = manifests }()
	return short(reflect.ValueOf(r).Elem(), "")
}

func named(s *model.Session) bool { return s.ID != "" || s.URL != "" || s.APIServer != "" }

// short checks that no string is longer than anything a session says.
func short(v reflect.Value, at string) error {
	switch v.Kind() {
	case reflect.String:
		if v.Len() > maxString {
			return fmt.Errorf("%w: %s has %d bytes, and may have %d", model.ErrTooLarge, at, v.Len(), maxString)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return short(v.Elem(), at)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if err := short(v.Field(i), v.Type().Name()+"."+v.Type().Field(i).Name); err != nil {
				return err
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := short(v.Index(i), at); err != nil {
				return err
			}
		}
	case reflect.Map:
		for i := v.MapRange(); i.Next(); {
			for _, part := range []reflect.Value{i.Key(), i.Value()} {
				if err := short(part, at); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
