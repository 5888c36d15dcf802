package classes

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/keep"
)

// letters of codes are read and heard as what they are, and spell no words. Six of them are 64 million
// codes; whoever lets people guess has to count how often.
const (
	letters    = "BCDFGHJKMNPQRSTVWXYZ"
	codeLength = 6
)

func newCode() string {
	code := make([]byte, 0, codeLength)
	for len(code) < codeLength {
		var b [1]byte
		rand.Read(b[:]) // which never fails
		if int(b[0]) < 256/len(letters)*len(letters) {
			code = append(code, letters[int(b[0])%len(letters)])
		}
	}
	return string(code)
}

// readCode is a code as somebody typed it.
func readCode(text string) (string, bool) {
	if len(text) > 20 {
		return "", false
	}
	code := strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(text))
	return code, len(code) == codeLength && strings.Trim(code, letters) == ""
}

func shownCode(code string) string {
	if len(code) != codeLength {
		return ""
	}
	return code[:3] + "-" + code[3:]
}

// reserve finds a code that no class has.
func (c *Classes) reserve(ctx context.Context, class string) (string, error) {
	for range 20 {
		code := newCode()
		_, err := c.put(ctx, codeAt(code), codeDoc{class})
		if !errors.Is(err, keep.ErrConflict) {
			return code, err
		}
	}
	return "", errors.New("no code is free")
}

// JoinInfo is what a code leads to. It fails with ErrNotFound for one that leads nowhere: whoever calls
// it counts that.
func (c *Classes) JoinInfo(ctx context.Context, code string) (model.JoinInfo, error) {
	d, err := c.coded(ctx, code)
	if err != nil {
		return model.JoinInfo{}, err
	}
	public := d.public("", c.cfg.Kept)
	return model.JoinInfo{Title: public.Title, Instructor: public.Instructor, Open: public.Open, Left: max(0, d.Size-d.Members), Until: public.Until}, nil
}

func (c *Classes) coded(ctx context.Context, code string) (classDoc, error) {
	code, ok := readCode(code)
	if !ok {
		return classDoc{}, ErrNotFound
	}
	var to codeDoc
	if err := c.get(ctx, codeAt(code), &to); err != nil {
		return classDoc{}, err
	}
	d, err := c.classOf(ctx, to.Class)
	if err == nil && (!d.Closed.IsZero() || !c.now().Before(d.Until)) {
		err = ErrNotFound
	}
	return d, err
}

// Join has somebody join. It fails as JoinInfo does, and with model.ErrConflict if nobody may join any
// more or there is no place.
func (c *Classes) Join(ctx context.Context, want model.NewMember) (model.Joined, error) {
	d, err := c.coded(ctx, want.Code)
	if err != nil {
		return model.Joined{}, err
	}
	called, err := name("name", want.Name, nameRunes)
	if err != nil {
		return model.Joined{}, err
	}
	d, err = changed(ctx, c, classAt(d.ID), func(d *classDoc) error {
		switch {
		case !d.Closed.IsZero():
			return ErrNotFound
		case !d.Open:
			return fmt.Errorf("%w: nobody can join this class any more: ask %s", model.ErrConflict, cmp.Or(d.Instructor, theInstructor))
		case d.Members >= d.Size:
			return fmt.Errorf("%w: the class is full: it has %d places", model.ErrConflict, d.Size)
		}
		d.Members++
		d.Joins++
		return nil
	})
	if err != nil {
		return model.Joined{}, err
	}
	c.joining.Lock()
	defer c.joining.Unlock()
	now := c.now().UTC()
	m := memberDoc{N: d.Joins, ID: newKey("")[:10], Name: c.free(d.ID, called), Key: newKey("member-"), Joined: now, LastSeen: now}
	_, err = c.put(ctx, membershipAt(hash(m.Key)), membershipDoc{d.ID, m.ID})
	if err == nil {
		_, err = c.put(ctx, ref{d.ID, m.ID}.at(), m)
	}
	if err != nil { // their place is another's
		_, undone := changed(context.WithoutCancel(ctx), c, classAt(d.ID), func(d *classDoc) error { d.Members--; return nil })
		return model.Joined{}, errors.Join(err, undone)
	}
	return model.Joined{Key: m.Key, ID: m.ID, Name: m.Name, Class: d.public("", c.cfg.Kept)}, nil
}

// free is a name that nobody in the class has, as far as this server has heard: with a number, where somebody does.
// c.joining is held.
func (c *Classes) free(class, name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := map[string]bool{}
	if class := c.book.classes[class]; class != nil {
		for _, m := range class.members {
			taken[strings.ToLower(m.doc.Name)] = true
		}
	}
	free := name
	for n := 2; taken[strings.ToLower(free)]; n++ {
		free = fmt.Sprintf("%s (%d)", name, n)
	}
	return free
}

// Help says that a member asks for help, or no more.
func (c *Classes) Help(ctx context.Context, key string, want model.HelpRequest) error {
	r, _, _, err := c.goingOn(ctx, key)
	if err != nil {
		return err
	}
	text, err := prose("text", want.Text, helpRunes)
	if err != nil {
		return err
	}
	now := c.now().UTC()
	c.pen.note(r, func(m *memberDoc) {
		switch {
		case !want.On:
			m.Help = nil
		case m.Help == nil:
			m.Help = &helpDoc{now, text}
		default:
			m.Help.Text = text // they wait since they asked first
		}
	})
	return nil
}

// OpenSession has a member have a session for a lesson: the one that they have, if it is there still and for
// that lesson; else one that open opens, which takes its place.
func (c *Classes) OpenSession(ctx context.Context, key, slug string, open func() (id string, err error)) (string, error) {
	r, d, m, err := c.goingOn(ctx, key)
	if err != nil {
		return "", err
	}
	lesson, known := c.cfg.Lesson(slug)
	if slug != "" && (!known || !d.has(slug)) {
		return "", invalid("lesson", "must be one of the class's, not %q", slug)
	}
	if m.Session != "" && m.SessionFor == slug && c.cfg.Sessions.There(ctx, m.Session) {
		return m.Session, nil
	}
	id, err := open()
	if errors.Is(err, model.ErrFull) && m.Session != "" { // the old one makes room
		if err := c.end(ctx, m.Session); err != nil {
			return "", err
		}
		id, err = open()
	}
	if err != nil {
		return "", err
	}
	ctx = context.WithoutCancel(ctx)
	now, old := c.now().UTC(), m.Session
	m, err = changed(ctx, c, r.at(), func(m *memberDoc) error {
		if m.Session != old && m.Session != "" && m.SessionFor == slug {
			return nil // another page of theirs was faster
		}
		old = m.Session
		m.Session, m.SessionFor, m.Active = id, slug, now
		if slug != "" {
			m.at(now, slug, lesson, 1)
		}
		return nil
	})
	if err != nil || m.Session != id {
		c.endAnyway(ctx, id)
		return m.Session, err
	}
	if old != "" { // who looks goes along
		if err := c.cfg.Views.Move(ctx, old, id); err != nil {
			c.log.WarnContext(ctx, "views stay behind", "err", err)
		}
		c.endAnyway(ctx, old)
	}
	return id, nil
}
