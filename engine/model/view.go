package model

// A NewView asks for a link by which others look on.
type NewView struct {
	// Rights are look, or control: all but ending the session, starting it over, extending
	// it, and giving views on.
	Rights string `json:"rights"`
	// Name is who is to have it, as the session's page says.
	Name string `json:"name,omitempty"`
	// Until is when it ends, RFC 3339; a day from now if it is not said.
	Until string `json:"until,omitempty"`
}

// A View is a link by which others look on.
type View struct {
	// Key stands for the session wherever its ID would; URL is the path of the page.
	Key    string `json:"key"`
	URL    string `json:"url"`
	Rights string `json:"rights"`
	Name   string `json:"name,omitempty"`
	Until  string `json:"until"` // RFC 3339
}

// Viewers are those who look on now, by views.
type Viewers struct {
	Count int `json:"count"`
	// By are they by their views, for the session's owner alone.
	By []ViewersBy `json:"by,omitempty"`
}

// ViewersBy are those who look on by a view.
type ViewersBy struct {
	Name   string `json:"name,omitempty"`
	Rights string `json:"rights"`
	Count  int    `json:"count"`
}
