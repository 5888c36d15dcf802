package classes

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/printable"
)

// What a class and its texts may be, in runes, places and time.
const (
	nameRunes, titleRunes, freezeRunes, helpRunes, textRunes = 60, 100, 500, 500, 4000

	places, mostPlaces = 40, 200
	mostLessons        = 200
	lasts, lastsAtMost = 4 * time.Hour, 7 * 24 * time.Hour
)

func invalid(field, format string, args ...any) error {
	return &model.FieldError{Field: field, Detail: fmt.Sprintf(format, args...)}
}

// line is one line of text that somebody chose for others to read.
func line(field, text string, runes int) (string, error) {
	text = strings.Join(strings.Fields(text), " ")
	if strings.IndexFunc(text, printable.Steers) >= 0 || !utf8.ValidString(text) {
		return "", invalid(field, "must be text without control characters")
	}
	if utf8.RuneCountInString(text) > runes {
		return "", invalid(field, "must be of at most %d characters", runes)
	}
	return text, nil
}

// name is a line that says something.
func name(field, text string, runes int) (string, error) {
	text, err := line(field, text, runes)
	if err == nil && strings.IndexFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) < 0 {
		err = invalid(field, "must be said")
	}
	return text, err
}

// prose is several lines; what could steer anything is written out.
func prose(field, text string, runes int) (string, error) {
	if !utf8.ValidString(text) {
		return "", invalid(field, "must be text")
	}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, l := range lines {
		lines[i] = printable.Clean(strings.ReplaceAll(l, "\t", "    "))
	}
	text = strings.TrimSpace(strings.Join(lines, "\n"))
	if utf8.RuneCountInString(text) > runes {
		return "", invalid(field, "must be of at most %d characters", runes)
	}
	return text, nil
}

// newClass is what an instructor wants as it is to be kept, but for ID and code.
func (c *Classes) newClass(want model.NewClass, now time.Time) (d classDoc, err error) {
	d = classDoc{Lessons: want.Lessons, Size: want.Size, Made: now, Until: now.Add(lasts), Open: true}
	if d.Title, err = name("title", want.Title, titleRunes); err != nil {
		return d, err
	}
	if d.Instructor, err = line("instructor", want.Instructor, nameRunes); err != nil {
		return d, err
	}
	if d.Size == 0 {
		d.Size = places
	}
	if d.Size < 1 || d.Size > mostPlaces {
		return d, invalid("size", "must be between 1 and %d, not %d", mostPlaces, d.Size)
	}
	if len(d.Lessons) > mostLessons {
		return d, invalid("lessons", "must be at most %d", mostLessons)
	}
	for i, slug := range d.Lessons {
		if _, ok := c.cfg.Lesson(slug); !ok {
			return d, invalid(fmt.Sprintf("lessons[%d]", i), "must be the slug of a lesson, not %q", printable.Clean(slug))
		}
		if slices.Contains(d.Lessons[:i], slug) {
			return d, invalid(fmt.Sprintf("lessons[%d]", i), "is there already")
		}
	}
	if want.Until != "" {
		d.Until, err = until(want.Until, now, now)
	}
	return d, err
}

// until is an end that somebody wants of a class that was made then.
func until(text string, made, now time.Time) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, invalid("until", "must be a time in RFC 3339")
	}
	if !t.After(now) || t.After(made.Add(lastsAtMost)) {
		return t, invalid("until", "must be after now, and at most %d days after the class was made", lastsAtMost/(24*time.Hour))
	}
	return t.UTC(), nil
}

func (d *classDoc) change(want model.ClassChange, now time.Time) (err error) {
	if want.Title != nil {
		if d.Title, err = name("title", *want.Title, titleRunes); err != nil {
			return err
		}
	}
	if want.Until != nil {
		if d.Until, err = until(*want.Until, d.Made, now); err != nil {
			return err
		}
	}
	if want.Open != nil {
		d.Open = *want.Open
	}
	if want.Frozen != nil {
		d.Frozen = *want.Frozen
	}
	if want.FreezeText != nil {
		if d.FreezeText, err = prose("freezeText", *want.FreezeText, freezeRunes); err != nil {
			return err
		}
	}
	if !d.Frozen {
		d.FreezeText = ""
	}
	d.Changed = now
	return nil
}

// has reports whether a lesson is one of the class's.
func (d classDoc) has(slug string) bool {
	return len(d.Lessons) == 0 || slices.Contains(d.Lessons, slug)
}
