// Reads a Dockerfile as docker build does, with all of its linter's rules, and writes its stages as JSON: per instruction its name and its words.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

type stage struct {
	Name     string   `json:"name"`
	Base     string   `json:"base"`
	Commands []string `json:"commands"`
}

func main() {
	file, err := os.Open(os.Args[1])
	check(err)
	parsed, err := parser.Parse(file)
	check(err)
	warnings := []string{}
	lint := linter.New(&linter.Config{
		Warn: func(rule, description, url, message string, location []parser.Range) {
			warnings = append(warnings, fmt.Sprintf("%s: %s", rule, message))
		},
	})
	for _, warning := range parsed.Warnings {
		warnings = append(warnings, warning.Short)
	}
	stages, _, err := instructions.Parse(parsed.AST, lint)
	check(err)
	told := []stage{}
	for _, each := range stages {
		commands := []string{}
		for _, command := range each.Commands {
			commands = append(commands, fmt.Sprint(command))
		}
		told = append(told, stage{each.Name, each.BaseName, commands})
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{"stages": told, "warnings": warnings}))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
