/* Findings for people, with the line and column they are about; and the report of a whole run, for
 * tools: JSON of our own (schema/report.json) or SARIF 2.1.0. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "model/finding.h"
#include "text/buf.h"
#include "text/doc.h"

enum report_form { REPORT_TEXT, REPORT_JSON, REPORT_SARIF };

/* How far the bytes of an input were counted in SARIF's columns. Begins as {0} with each input. */
struct sarif_walk {
    const char *line; /* where the line begins */
    unsigned number;
    size_t length, bytes; /* of the line; counted so far */
    unsigned units, end;  /* of what was counted; of the whole line */
};

/* Begins as {.form = ...}; ended by report_fini. As text each finding is said on standard error at
 * once; the other forms are gathered and printed at the end. */
struct report {
    enum report_form form;
    json_t *documents;                 /* JSON: one row each. SARIF: the artifacts, by their URIs */
    json_t *results;                   /* SARIF */
    struct sarif_walk walk;            /* SARIF: through the input at hand */
    size_t valid, invalid, unreadable; /* documents */
    size_t severities[FINDING_NOTICE + 1]; /* findings */
    bool strict; /* anything told is as bad as an error, for the exit code */
    bool told;   /* something was, be it a notice */
};

/* -1 when there is no such form; NULL is text. */
int report_form_parse(const char *name, enum report_form *form);
/* What was found in the index-th document of an input, told from its first one on; kind as
 * kind_name says it. With -q only errors are kept. */
void report_document(struct report *r, const struct input *in, size_t index, const char *kind,
                     struct findings *findings);
/* An input that could not be opened or read on (CODE_DATA); in is {0} or as it then was. */
void report_unreadable(struct report *r, const char *file, const struct input *in,
                       const struct err *err);
/* The exit code of the run: 65 when something was unreadable, 1 when invalid (or strict, and
 * anything was told), else 0. */
enum code report_code(const struct report *r);
/* Appends the report; nothing as text. */
void report_print(const struct report *r, struct buf *out);
void report_fini(struct report *r);

/* Says every finding about the index-th document of an input on standard error. */
void report_findings(struct findings *findings, const struct input *in, size_t index);
/* The directory relative paths in this input begin at: the file's own, or for standard input the
 * working directory. NULL when that cannot be known. The caller frees. */
char *report_base(const char *path);

/* sarif.c */

/* What SARIF calls a result. in may be NULL where its bytes are not at hand. */
json_t *sarif_result(const struct finding *f, const char *file, const struct input *in,
                     struct sarif_walk *walk);
/* Into an object of artifacts by their URIs: a file is one of them, however often it is named
 * (3.14.15). */
void sarif_artifact(json_t *artifacts, const char *file);
/* The whole log; borrows what it is given. */
json_t *sarif_log(json_t *artifacts, json_t *results, enum code code);

/* Who says so, of a message in an answer: "lab", "https://a.example/", "lab at https://a.example/".
 * The caller frees. */
char *report_who(const json_t *message);

#endif
