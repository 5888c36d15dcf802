package classes

import (
	"context"
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/podhop/podhop/engine/model"
)

// Results are what members have done, by when they joined and the order of the class's lessons.
func (c *Classes) Results(ctx context.Context, key string) (model.ClassResults, error) {
	d, err := c.class(ctx, key)
	if err != nil {
		return model.ClassResults{}, err
	}
	c.pen.flush(d.ID)
	results := model.ClassResults{Class: d.public("", c.cfg.Kept), Results: []model.LessonResult{}}
	c.mu.Lock()
	defer c.mu.Unlock()
	class := c.book.classes[d.ID]
	if class == nil {
		return results, nil
	}
	for _, id := range class.ids() {
		results.Results = append(results.Results, class.members[id].doc.results(d.Lessons)...)
	}
	return results, nil
}

func (m memberDoc) results(order []string) []model.LessonResult {
	base := model.LessonResult{Member: m.ID, Name: m.Name, Joined: stamp(m.Joined)}
	if len(m.Lessons) == 0 {
		base.Errors = m.Errors
		return []model.LessonResult{base}
	}
	var all []model.LessonResult
	slugs := sortedKeys(m.Lessons)
	slices.SortStableFunc(slugs, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	for _, slug := range slugs {
		l, r := m.Lessons[slug], base
		r.Lesson, r.Title, r.Steps, r.Passed = slug, l.Title, l.Checked, len(l.Passed)
		r.Begun, r.Done, r.Attempts, r.Hints, r.Errors = stamp(l.Begun), stamp(l.Done), l.Attempts, l.Hints, l.Errors
		all = append(all, r)
	}
	return all
}

// WriteCSV writes results as a table. Names are what learners chose: a cell that a spreadsheet would run
// begins with an apostrophe, by which it is text there.
func WriteCSV(w io.Writer, results model.ClassResults) error {
	table := csv.NewWriter(w)
	table.UseCRLF = true // RFC 4180
	_ = table.Write([]string{"name", "member", "joined", "lesson", "title", "steps", "passed", "begun", "done", "attempts", "hints", "errors"})
	for _, r := range results.Results {
		row := []string{r.Name, r.Member, r.Joined, r.Lesson, r.Title, strconv.Itoa(r.Steps), strconv.Itoa(r.Passed), r.Begun, r.Done,
			strconv.Itoa(r.Attempts), strconv.Itoa(r.Hints), strconv.Itoa(r.Errors)}
		for i := range row {
			row[i] = inert(row[i])
		}
		_ = table.Write(row)
	}
	table.Flush()
	return table.Error()
}

// inert is a cell that no spreadsheet takes for a formula: see OWASP's CSV injection, which some programs do
// after blanks and in full width, too.
func inert(cell string) string {
	if strings.ContainsAny(firstOf(strings.TrimSpace(cell)), "=+-@\uff1d\uff0b\uff0d\uff20|%") || strings.ContainsAny(firstOf(cell), "\t\r\n") {
		return "'" + cell
	}
	return cell
}

func firstOf(text string) string {
	for _, r := range text {
		return string(r)
	}
	return ""
}
