/*
 * Templates for --format, in the syntax of Go's text/template as people write it for Docker, run
 * over a JSON value: {{.State.Pid}}, {{range .Mounts}}…{{end}}, {{json .}}, {{index .Labels "a"}}.
 *
 * A template is compiled once and run for each row. Syntax and words of errors are those of
 * https://pkg.go.dev/text/template and of Docker's "format command and log output" page:
 *     template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"
 *
 * Where a JSON value cannot say what Go's types would have said:
 *  - an object prints as map[a:1 b:2], keys sorted; null prints as <no value>;
 *  - below the root, an object that holds nothing but strings (or nothing) is taken for a map, such
 *    as labels are: a key it lacks is no value there (`index` gives ""), and elsewhere an error;
 *  - a member named "Label()" is a method: {{.Label "a"}} gives its member "a", or "" when there is
 *    none; with another value than an object, "Status()", it is one without arguments: {{.Status}}.
 *    Such members are left out when their object is printed, ranged over or written as JSON.
 * Not supported, and refused by name: define, template, block, call, html, js, urlquery.
 *
 * A template may be hostile: its size, nesting, output and number of steps are bounded.
 */
#ifndef SKIFF_CLI_TEMPLATE_H
#define SKIFF_CLI_TEMPLATE_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

struct template;

/* Compiles @text. -EINVAL with position and reason when it is no template. Free with
 * template_free. */
int template_new(const char *text, struct template **ret, struct err *e);

/* Runs it over @value (borrowed) and appends what it prints to @out. On failure -EINVAL, -EFBIG
 * (output or steps without end) or -ENOMEM; what was printed before stays in @out. */
int template_run(const struct template *t, json_t *value, struct str *out, struct err *e);

/* The same for the line above a table: @headers maps field names to titles; json, lower, upper,
 * title and truncate leave a title as it is, and a field without one prints as <no value>. A
 * method's title is the last part of its argument: {{.Label "com.example.stage"}} is under "stage".
 */
int template_run_header(const struct template *t, json_t *headers, struct str *out, struct err *e);

/* NULL is fine. */
void template_free(struct template *t);

static inline void template_release(struct template **t)
{
    template_free(*t);
    *t = NULL;
}
#define _cleanup_template_ _cleanup_(template_release)

/* Whether @text is a template: 0, or as template_new. */
int template_check(const char *text, struct err *e);

/* Docker's exit status of an inspection whose template is none. */
#define STATUS_NO_TEMPLATE 64

/* Compiles and runs once: what `inspect --format` does. */
int template_render(const char *text, json_t *value, struct str *out, struct err *e);

/* The --format of commands that print rows. */
struct template_format {
    struct template *row; /* owned; NULL after release */
    bool table;           /* a header goes above, and tabs separate aligned columns */
};

/* Understands @format as `ps --format` does: NULL, "" or "table" is @columns (a template, tabs
 * between its cells) as a table; "table TEMPLATE" a table; "json" is {{json .}}; anything else a
 * template. A backslash followed by t or n is a tab or a line's end, outside of {{ }} too. */
int template_parse_format(const char *format, const char *columns, struct template_format *ret,
                          struct err *e);

/* Safe to call twice. */
void template_format_release(struct template_format *f);
#define _cleanup_template_format_ _cleanup_(template_format_release)

/* Prints an array of @rows as @format wishes, one line each, columns aligned and @headers (an
 * object, field name to title) above when it is a table. -ENOMEM when either could not be made and
 * is NULL. */
int template_print_rows(const struct template_format *format, json_t *headers, json_t *rows,
                        struct str *out, struct err *e);

#endif
