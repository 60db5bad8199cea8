// Reads a Dockerfile as docker build does, with its linter's rules, and the project beside it as its context. Writes as JSON the stages with their
// instructions, what the linter warns of, and the files that .dockerignore lets into the context.
package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

type stage struct {
	Name     string   `json:"name"`
	Base     string   `json:"base"`
	Commands []string `json:"commands"`
}

func main() {
	dockerfile, project := os.Args[1], os.Args[2]
	stages, warnings := readStages(dockerfile)
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"stages": stages, "warnings": warnings, "context": readContext(project),
	}))
}

func readStages(dockerfile string) (told []stage, warnings []string) {
	warnings = []string{}
	file, err := os.Open(dockerfile)
	check(err)
	parsed, err := parser.Parse(file)
	check(err)
	for _, warning := range parsed.Warnings {
		warnings = append(warnings, warning.Short)
	}
	lint := linter.New(&linter.Config{
		Warn: func(rule, description, url, message string, location []parser.Range) {
			warnings = append(warnings, fmt.Sprintf("%s: %s", rule, message))
		},
	})
	stages, _, err := instructions.Parse(parsed.AST, lint)
	check(err)
	for _, each := range stages {
		commands := []string{}
		for _, command := range each.Commands {
			commands = append(commands, fmt.Sprint(command))
		}
		told = append(told, stage{each.Name, each.BaseName, commands})
	}
	return told, warnings
}

func readContext(project string) []string {
	file, err := os.Open(filepath.Join(project, ".dockerignore"))
	check(err)
	patterns, err := ignorefile.ReadAll(file)
	check(err)
	matcher, err := patternmatcher.New(patterns)
	check(err)
	files := []string{}
	check(filepath.WalkDir(project, func(path string, entry fs.DirEntry, err error) error {
		check(err)
		if entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git") {
			return filepath.SkipDir
		}
		name, err := filepath.Rel(project, path)
		check(err)
		ignored, err := matcher.MatchesOrParentMatches(name)
		check(err)
		if !entry.IsDir() && !ignored {
			files = append(files, name)
		}
		return nil
	}))
	return files
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
