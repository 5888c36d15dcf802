package model

// A StepRequest names a step of a lesson.
type StepRequest struct {
	Lesson string `json:"lesson"` // its slug
	Step   int    `json:"step"`   // which of its steps, from 1
}

// A StepBegun is what came of beginning a step.
type StepBegun struct {
	// Begun is whether scripts of the step were started now: they are only once.
	Begun bool `json:"begun"`
	// Run is a command for the learner's own shell; empty if there is none.
	Run string `json:"run,omitempty"`
}
