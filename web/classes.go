package web

import (
	"net/http"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/lessons"
)

// Classes answers GET /classes: the page that makes a class.
func (web *Web) Classes(w http.ResponseWriter, r *http.Request) {
	web.write(w, r, http.StatusOK, classesPage(web.library()))
}

// Class answers GET /classes/{key}: the instructor's page of a class, which has its key.
func (web *Web) Class(w http.ResponseWriter, r *http.Request, class model.Class) {
	web.write(w, r, http.StatusOK, livePage(liveData{Class: class, Lessons: lessonsOf(class, web.library())}))
}

// Join answers GET /join, and GET /join/{code}, whose page says what that class is.
func (web *Web) Join(w http.ResponseWriter, r *http.Request, code string) {
	web.write(w, r, http.StatusOK, joinPage(code))
}

// Member answers GET /m/{key}: a member's own page of their class.
func (web *Web) Member(w http.ResponseWriter, r *http.Request, key string, you model.Membership) {
	web.write(w, r, http.StatusOK, memberPage(memberData{Class: you.Class, Lessons: lessonsOf(you.Class, web.library()), Key: key, You: you}))
}

// liveData is app/class/given.ts's Given, for an instructor.
type liveData struct {
	Class   model.Class   `json:"class"`
	Lessons []classLesson `json:"lessons"`
}

// memberData is the same for a member.
type memberData struct {
	Class   model.Class      `json:"class"`
	Lessons []classLesson    `json:"lessons"`
	Key     string           `json:"key"`
	You     model.Membership `json:"you"`
}

// A classLesson is one of a class's: its titles, and how many of its steps can be done.
type classLesson struct {
	pageContents
	Checked int `json:"checked"`
}

// lessonsOf are a class's lessons, in its order; those that the library has no more are left out.
func lessonsOf(class model.Class, library lessons.Library) []classLesson {
	all := library.Lessons
	if len(class.Lessons) > 0 {
		all = nil
		for _, slug := range class.Lessons {
			if l, ok := library.Lesson(slug); ok {
				all = append(all, l)
			}
		}
	}
	out := make([]classLesson, len(all))
	for i, c := range contents(all) {
		out[i] = classLesson{pageContents: c, Checked: checkedSteps(all[i])}
	}
	return out
}
