package registry

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Apicurio calls a registry by Apicurio's own API, version 2 or 3. Subjects are artifact ids.
type Apicurio struct {
	*Client
	group    string // of the artifacts, "" = default
	byRecord bool   // subjects are full names: namespace and name are group and artifact
	global   bool   // ids are global ids, else content ids
	format   Format
	v3       bool
	ifExists string
	version  string // artifact.version, "" = latest
}

var _ API = (*Apicurio)(nil)

// apicurioMeta is what both versions say of an artifact's version.
type apicurioMeta struct {
	GlobalID  uint32 `json:"globalId"`
	ContentID uint32 `json:"contentId"`
}

func (a *Apicurio) id(m apicurioMeta) uint32 {
	if a.global {
		return m.GlobalID
	}
	return m.ContentID
}

// place returns the path of an artifact's group, and its id.
func (a *Apicurio) place(subject string) (path, artifact string) {
	group, artifact := a.group, subject
	if dot := strings.LastIndexByte(subject, '.'); a.byRecord && dot >= 0 {
		if group == "" {
			group = subject[:dot]
		}
		artifact = subject[dot+1:]
	}
	if group == "" {
		group = "default"
	}
	return "/groups/" + url.PathEscape(group) + "/artifacts", artifact
}

const jsonType = "application/json"

// Register implements API.
func (a *Apicurio) Register(ctx context.Context, subject string, s Schema, _ bool) (uint32, error) {
	path, artifact := a.place(subject)
	op := "register artifact " + artifact
	if a.v3 {
		body, err := json.Marshal(map[string]any{"artifactId": artifact, "artifactType": s.Format, "firstVersion": map[string]any{
			"content": map[string]string{"content": s.Text, "contentType": jsonType}}})
		if err != nil {
			return 0, err
		}
		var out struct {
			Version apicurioMeta `json:"version"`
		}
		ifExists := map[string]string{"FAIL": "FAIL", "UPDATE": "CREATE_VERSION"}[a.ifExists]
		if ifExists == "" {
			ifExists = "FIND_OR_CREATE_VERSION"
		}
		err = a.send(ctx, &request{op: op, method: http.MethodPost, path: path + "?ifExists=" + ifExists + "&canonical=false", body: body, answer: &out,
			header: map[string]string{"Content-Type": jsonType}})
		return a.id(out.Version), err
	}
	var out apicurioMeta
	err := a.send(ctx, &request{op: op, method: http.MethodPost, path: path + "?ifExists=" + a.ifExists + "&canonical=false", body: []byte(s.Text), answer: &out,
		header: map[string]string{"Content-Type": jsonType, "X-Registry-ArtifactId": artifact, "X-Registry-ArtifactType": string(s.Format)}})
	return a.id(out), err
}

// LookUp implements API.
func (a *Apicurio) LookUp(ctx context.Context, subject string, s Schema, _ bool) (Registered, error) {
	path, artifact := a.place(subject)
	op := "look up the schema as a version of artifact " + artifact
	r := &request{op: op, method: http.MethodPost, body: []byte(s.Text), header: map[string]string{"Content-Type": jsonType}}
	if a.v3 {
		group, _ := strings.CutPrefix(strings.TrimSuffix(path, "/artifacts"), "/groups/")
		var out struct {
			Versions []apicurioMeta `json:"versions"`
		}
		r.path, r.answer = "/search/versions?canonical=false&groupId="+group+"&artifactId="+url.QueryEscape(artifact), &out
		if err := a.send(ctx, r); err != nil {
			return Registered{}, err
		}
		if len(out.Versions) == 0 {
			return Registered{}, &Error{Op: op, URL: a.bases[0].shown, Status: http.StatusNotFound, Code: CodeSchemaNotFound, Message: "no version of the artifact has this schema"}
		}
		return Registered{Schema: s, Subject: subject, ID: a.id(out.Versions[0])}, nil
	}
	var out apicurioMeta
	r.path, r.answer = path+"/"+url.PathEscape(artifact)+"/meta?canonical=false", &out
	err := a.send(ctx, r)
	return Registered{Schema: s, Subject: subject, ID: a.id(out)}, err
}

// ByID implements API.
func (a *Apicurio) ByID(ctx context.Context, id uint32, _ string) (Schema, error) {
	kind := "contentIds"
	if a.global {
		kind = "globalIds"
	}
	s := Schema{Format: a.format}
	err := a.send(ctx, &request{op: "get schema " + strconv.FormatUint(uint64(id), 10), method: http.MethodGet,
		path: "/ids/" + kind + "/" + strconv.FormatUint(uint64(id), 10), answer: &s.Text})
	return s, err
}

// Version implements API for the latest version, and for the one of artifact.version.
func (a *Apicurio) Version(ctx context.Context, subject string, _ int) (Registered, error) {
	path, artifact := a.place(subject)
	path += "/" + url.PathEscape(artifact)
	switch {
	case a.version != "":
		path += "/versions/" + url.PathEscape(a.version)
	case a.v3:
		path += "/versions/branch=latest"
	}
	if !a.v3 {
		path += "/meta"
	}
	var meta apicurioMeta
	if err := a.call(ctx, "get the latest version of artifact "+artifact, http.MethodGet, path, nil, &meta); err != nil {
		return Registered{}, err
	}
	s, err := a.ByID(ctx, a.id(meta), "")
	return Registered{Schema: s, Subject: subject, ID: a.id(meta)}, err
}
