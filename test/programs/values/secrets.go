package main

import (
	"strings"
	"unicode"
)

var secretWords = map[string]bool{
	"password": true, "passwd": true, "secret": true, "token": true, "authorization": true, "cookie": true,
	"credential": true, "apikey": true, "privatekey": true,
}

// IsSecret tells whether the name has a secret word, whole, among those of its camelCase or snake_case.
func isSecret(name string) bool {
	words := wordsOf(name)
	for i, word := range words {
		if secretWords[word] || i > 0 && secretWords[words[i-1]+word] {
			return true
		}
	}
	return false
}

func wordsOf(name string) []string {
	var words []string
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		start := 0
		runes := []rune(part)
		for i := 1; i < len(runes); i++ {
			afterLower := unicode.IsUpper(runes[i]) && !unicode.IsUpper(runes[i-1])
			// The last capital of `APIKey`'s run begins the next word.
			beforeLower := unicode.IsUpper(runes[i]) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if afterLower || beforeLower {
				words = append(words, strings.ToLower(string(runes[start:i])))
				start = i
			}
		}
		words = append(words, strings.ToLower(string(runes[start:])))
	}
	return words
}
