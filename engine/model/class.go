package model

// A NewClass is what an instructor asks for.
type NewClass struct {
	Title string `json:"title"`
	// Instructor is the name that learners see; without one they see "the instructor".
	Instructor string `json:"instructor,omitempty"`
	// Lessons are slugs, in the order of the class; all that the server has if there are none.
	Lessons []string `json:"lessons,omitempty"`
	// Size is how many may join: 40 if zero, at most 200.
	Size int `json:"size,omitempty"`
	// Until is when it closes by itself, in RFC 3339: 4 hours from now if empty, at most 7 days.
	Until string `json:"until,omitempty"`
}

// A Class is several people who learn at once, and one who looks after them.
type Class struct {
	// Key is the instructor's: who has it may do everything. Members are not told.
	Key string `json:"key,omitempty"`
	// Code is what learners join with, as ABC-DEF; empty once the class is closed.
	Code       string   `json:"code,omitempty"`
	Title      string   `json:"title"`
	Instructor string   `json:"instructor"`
	Lessons    []string `json:"lessons"` // slugs; all that the server has if there are none
	Size       int      `json:"size"`
	Members    int      `json:"members"` // how many have joined
	Made       string   `json:"made"`    // this and what follows in RFC 3339
	Until      string   `json:"until"`
	// Closed is when it closed, and KeptUntil when its results go; empty while it goes on.
	Closed    string `json:"closed,omitempty"`
	KeptUntil string `json:"keptUntil,omitempty"`
	// Open is whether somebody may still join.
	Open bool `json:"open"`
	// Frozen is whether changes of the members' sessions are refused, and FreezeText what
	// they read meanwhile.
	Frozen     bool   `json:"frozen"`
	FreezeText string `json:"freezeText,omitempty"`
}

// A ClassChange is what is to be otherwise of a class; what is not set stays.
type ClassChange struct {
	Title      *string `json:"title,omitempty"`
	Until      *string `json:"until,omitempty"` // in RFC 3339
	Open       *bool   `json:"open,omitempty"`
	Frozen     *bool   `json:"frozen,omitempty"`
	FreezeText *string `json:"freezeText,omitempty"`
}

// A Member is one learner of a class, as its instructor sees them. Times are RFC 3339. What
// they have done is what the server saw of it: the checks that it ran, what it applied.
type Member struct {
	ID     string `json:"id"` // opens nothing: the member has a key of their own
	Name   string `json:"name"`
	Joined string `json:"joined"`
	// Online is whether a page of theirs is open; LastSeen is when one was last.
	Online   bool   `json:"online"`
	LastSeen string `json:"lastSeen"`
	// IdleSince is when they last did something: typed, applied, sent, asked for a check.
	IdleSince string `json:"idleSince"`
	// Session is the beginning of its ID; empty while they have none.
	Session string `json:"session,omitempty"`
	// Lesson and Step, from 1, are where they are; Steps is how many the lesson has, Passed how
	// many of those with checks are done. StepSince is since when it is the same step.
	Lesson    string `json:"lesson,omitempty"`
	Step      int    `json:"step,omitempty"`
	Steps     int    `json:"steps,omitempty"`
	Passed    int    `json:"passed"`
	StepSince string `json:"stepSince,omitempty"`
	// Failing are the checks of the step that did not pass when they last ran, and Attempts how
	// often something else was seen since the step was begun.
	Failing  []FailingCheck `json:"failing,omitempty"`
	Attempts int            `json:"attempts"`
	// Hints is how many of the lesson's they have unfolded, ways to do it among them.
	Hints int `json:"hints"`
	// Errors counts the documents of their pastes that were not taken and what their kubectl was refused, and
	// LastError is what was said to the latest.
	Errors      int    `json:"errors"`
	LastError   string `json:"lastError,omitempty"`
	LastErrorAt string `json:"lastErrorAt,omitempty"`
	// Help is set while they ask for it.
	Help *Help `json:"help,omitempty"`
	// Looking is whether the instructor has a view of their session, and View its key: another one
	// once it has control, and when that ends. Control is asked, given, or empty.
	Looking bool   `json:"looking"`
	View    string `json:"view,omitempty"`
	Control string `json:"control,omitempty"`
	// Done has how many steps of each lesson are passed, by its slug, of those that were begun.
	Done map[string]int `json:"done,omitempty"`
}

// A FailingCheck is a check of a step that does not pass, and why.
type FailingCheck struct {
	Check int    `json:"check"` // which of the step's, from 1
	Title string `json:"title"`
	Saw   string `json:"saw,omitempty"`
}

// Help is what a member wants help with.
type Help struct {
	Since string `json:"since"`
	Text  string `json:"text,omitempty"`
}

// A ClassEvent is something that happened in a class.
type ClassEvent struct {
	Time string `json:"time"` // RFC 3339
	// Kind is joined, gone, begun (a lesson), passed (a step), done (a lesson), help, control, push, frozen,
	// thawed or closed.
	Kind   string `json:"kind"`
	Member string `json:"member,omitempty"` // the ID of whom it is about
	Name   string `json:"name,omitempty"`   // and their name
	Text   string `json:"text"`
}

// A ClassMessage is one entry of a class's stream. The first has the class, all members and the
// latest events, and All set; each that follows has one of the others.
type ClassMessage struct {
	All     bool         `json:"all,omitempty"`
	Class   *Class       `json:"class,omitempty"`
	Members []Member     `json:"members,omitempty"` // of the first
	Events  []ClassEvent `json:"events,omitempty"`  // of the first, oldest first
	Member  *Member      `json:"member,omitempty"`
	Gone    string       `json:"gone,omitempty"` // the ID of a member who was removed
	Event   *ClassEvent  `json:"event,omitempty"`
}

// A Push is what an instructor sends to members.
type Push struct {
	// To are members' IDs; all members if there are none.
	To []string `json:"to,omitempty"`
	// Kind is message, hint, manifest, lesson, step, start-over or fault.
	Kind string `json:"kind"`
	// Text is the message or the hint; with the other kinds it may go along.
	Text string `json:"text,omitempty"`
	// Manifest is offered to the learner; with Apply it is applied in their name at once.
	Manifest string `json:"manifest,omitempty"`
	Apply    bool   `json:"apply,omitempty"`
	// Lesson is a slug, of lesson and step; of step it may be left out for the one that they are
	// in. Step counts from 1. Members are sent there: their page goes to it, or offers to.
	Lesson string `json:"lesson,omitempty"`
	Step   int    `json:"step,omitempty"`
	// Fault and Settings are as of PUT .../faults/ID.
	Fault    string         `json:"fault,omitempty"`
	Settings *FaultSettings `json:"settings,omitempty"`
}

// A PushResult is what came of a Push at one member.
type PushResult struct {
	Member string `json:"member"`
	Name   string `json:"name"`
	// Done is whether it was: of what is shown to them, whether it is on its way; of what the
	// server does in their session, whether it took effect.
	Done bool `json:"done"`
	// Text says what came of it, or why nothing did.
	Text string `json:"text"`
	// Results are what the API said to a manifest that was applied.
	Results []ApplyResult `json:"results,omitempty"`
}

// A ClassView is a way to look at a member's session.
type ClassView struct {
	View string `json:"view"` // the key, which stands where a session's ID would
	URL  string `json:"url"`  // the page's path
}

// A JoinInfo is what somebody who has a code is told of the class.
type JoinInfo struct {
	Title      string `json:"title"`
	Instructor string `json:"instructor"`
	Open       bool   `json:"open"`
	Left       int    `json:"left"` // places
	Until      string `json:"until"`
}

// A NewMember asks to join a class.
type NewMember struct {
	Code string `json:"code"` // ABC-DEF, in any case, with or without the dash
	Name string `json:"name"`
}

// A Joined is somebody who has joined.
type Joined struct {
	// Key is theirs alone, and what brings them back.
	Key   string `json:"key"`
	ID    string `json:"id"`
	Name  string `json:"name"` // as the class sees it: with a number where there was one of that name
	Class Class  `json:"class"`
}

// A Membership is a member as they see themselves.
type Membership struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Class Class  `json:"class"`
	// Session is the path of the page of their session; empty while there is none. SessionID is its ID.
	Session   string         `json:"session,omitempty"`
	SessionID string         `json:"sessionId,omitempty"`
	Lesson    string         `json:"lesson,omitempty"`
	Step      int            `json:"step,omitempty"`
	Done      map[string]int `json:"done,omitempty"`
	Help      *Help          `json:"help,omitempty"`
	// Looking is the name of who looks at their session now; empty if nobody does.
	Looking string `json:"looking,omitempty"`
	// Control is asked while that person waits for an answer, given while they may type; else empty.
	Control string `json:"control,omitempty"`
	// AnswerIn is how many seconds they wait still, from when this was told, while Control is asked.
	AnswerIn int `json:"answerIn,omitempty"`
}

// A MemberMessage is one entry of a member's stream: what they are now, at first and whenever
// that is otherwise, or something that they were sent.
type MemberMessage struct {
	You    *Membership `json:"you,omitempty"`
	Notice *Notice     `json:"notice,omitempty"`
}

// A Notice is a Push as the member gets it. Those of the last minutes are told again to a page that comes
// back: the ID says which they were.
type Notice struct {
	ID   string `json:"id"`
	Time string `json:"time"` // RFC 3339
	By   string `json:"by"`   // the instructor's name
	Push Push   `json:"push"` // To is left out
	// Result is what came of what the server did in the session; nothing of what is only shown.
	Result *PushResult `json:"result,omitempty"`
}

// A MemberSession says what a member's session is to be for.
type MemberSession struct {
	Lesson string `json:"lesson,omitempty"` // a slug of the class's; the playground if empty
}

// A HelpRequest asks for help, or says that none is wanted any more.
type HelpRequest struct {
	On   bool   `json:"on"`
	Text string `json:"text,omitempty"`
}

// A Consent answers who asks for the keyboard.
type Consent struct {
	Yes bool `json:"yes"`
}

// A Progress is where in a lesson a page is. It is taken for where the learner reads, and for the hints
// that they unfold; what they have done, the server sees by itself.
type Progress struct {
	Lesson string `json:"lesson"`
	Step   int    `json:"step"` // from 1
	// Hint is which of the step's was unfolded, from 1; 0: none. Solution is whether the way to do it was.
	Hint     int  `json:"hint,omitempty"`
	Solution bool `json:"solution,omitempty"`
}

// ClassResults are what is kept of a class.
type ClassResults struct {
	Class   Class          `json:"class"`
	Results []LessonResult `json:"results"`
}

// A LessonResult is one member's work on one lesson. A member who began none has one with no lesson.
type LessonResult struct {
	Member string `json:"member"`
	Name   string `json:"name"`
	Joined string `json:"joined"`
	Lesson string `json:"lesson,omitempty"`
	Title  string `json:"title,omitempty"`
	// Passed is how many of Steps, those with checks, were done.
	Steps  int    `json:"steps"`
	Passed int    `json:"passed"`
	Begun  string `json:"begun,omitempty"`
	Done   string `json:"done,omitempty"` // when the last of its steps was passed; empty if not all were
	// Attempts counts how often checks saw something else than before and did not pass, Hints
	// what was unfolded, Errors the documents that were not taken and what kubectl was refused.
	Attempts int `json:"attempts"`
	Hints    int `json:"hints"`
	Errors   int `json:"errors"`
}
