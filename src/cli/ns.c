#include "cli/cli.h"
#include "cli/rows.h"
#include "cli/table.h"
#include "engine/sharing.h"

#include <string.h>

struct ns_options {
    const char *format;
};

static const struct option_def table[] = {
    {"format", 0, OPTION_STRING, offsetof(struct ns_options, format), "TEMPLATE",
     ROWS_FORMAT_HELP "; dot: a drawing for Graphviz", "Options"},
    {0},
};

/* What a cell says: whose namespace it is. */
static const char *cell(const struct sharing *s, size_t row, enum namespace_kind kind)
{
    if (s->rows[row].inode[kind] == 0)
        return "?";
    size_t owner = sharing_owner(s, row, kind);
    return owner == row && row > 0 ? "private" : s->rows[owner].name;
}

/* A container's name, and that it is paused; with the program of a process that is executed in it.
 */
static void add_name(struct str *out, const struct sharing_row *row)
{
    str_add(out, row->name);
    if (row->exec) {
        str_add(out, " (exec ");
        str_add_visible(out, row->exec, "\"\\");
        str_add(out, ")");
    }
    if (row->paused)
        str_add(out, " (paused)");
}

static int print_table(const struct sharing *s, struct err *e)
{
    _cleanup_str_ struct str text = {0}, out = {0};
    str_add(&text, "CONTAINER ID\tNAME\tPROCESS");
    for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++) {
        const char *name = namespace_types[kind].name;
        str_add(&text, "\t");
        for (const char *c = name; *c; c++)
            str_addf(&text, "%c", *c - 'a' + 'A');
    }
    str_add(&text, "\n");
    for (size_t i = 0; i < s->n; i++) {
        const struct sharing_row *row = &s->rows[i];
        str_addf(&text, "%.*s\t", SHORT_ID_LEN, *row->id ? row->id : "-");
        add_name(&text, row);
        str_add(&text, "\t");
        /* The host's row is told by this process, which has ended when it is read. */
        if (i == 0)
            str_add(&text, "-");
        else
            str_addf(&text, "%d", row->pid);
        for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++)
            str_addf(&text, "\t%s", cell(s, i, kind));
        str_add(&text, "\n");
    }
    if (text.failed || table_align(text.s, text.len, &out, e) < 0)
        return err_nomem(e);
    return cli_print(out.s, e);
}

static json_t *row_json(const struct sharing *s, size_t i)
{
    const struct sharing_row *row = &s->rows[i];
    json_t *namespaces = json_object();
    bool whole = true;
    for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++)
        whole &=
            json_object_set_new(namespaces, namespace_types[kind].name,
                                json_pack("{s:I, s:s}", "Inode", (json_int_t)row->inode[kind],
                                          "Owner", s->rows[sharing_owner(s, i, kind)].name)) == 0;
    if (!whole) {
        json_decref(namespaces);
        return NULL;
    }
    return json_pack("{s:s%, s:s, s:o, s:b, s:i, s:o}", "ID", row->id,
                     strnlen(row->id, SHORT_ID_LEN), "Name", row->name, "Exec",
                     rows_text(row->exec ? row->exec : ""), "Paused", row->paused, "Pid",
                     i == 0 ? 0 : row->pid, "Namespaces", namespaces);
}

static json_t *make_headers(void)
{
    _cleanup_json_ json_t *namespaces = json_object();
    for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++) {
        const char *name = namespace_types[kind].name;
        if (json_object_set_new(namespaces, name,
                                json_pack("{s:s, s:s}", "Inode", name, "Owner", name)) < 0)
            return NULL;
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:O}", "ID", "CONTAINER ID", "Name", "NAME", "Exec",
                     "EXEC", "Paused", "PAUSED", "Pid", "PROCESS", "Namespaces", namespaces);
}

static int print_rows(const struct sharing *s, const char *format, struct err *e)
{
    _cleanup_json_ json_t *rows = json_array();
    _cleanup_json_ json_t *headers = make_headers();
    for (size_t i = 0; i < s->n; i++)
        if (json_array_append_new(rows, row_json(s, i)) < 0)
            return err_nomem(e);
    return rows_print(format, "", headers, rows, e);
}

/* A box a container, a round one for each namespace, and lines between them. Namespaces that only
 * the host has are left out. */
static int print_dot(const struct sharing *s, struct err *e)
{
    _cleanup_str_ struct str out = {0};
    str_add(&out, "graph namespaces {\n    rankdir=LR;\n    node [fontname=\"sans-serif\"];\n");
    str_add(&out, "    \"c0\" [shape=box, label=\"host\"];\n");
    for (size_t i = 1; i < s->n; i++) {
        str_addf(&out, "    \"c%zu\" [shape=box, label=\"", i);
        add_name(&out, &s->rows[i]);
        str_addf(&out, "\\npid %d\"];\n", s->rows[i].pid);
    }
    for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++)
        for (size_t i = 0; i < s->n; i++) {
            unsigned long long inode = s->rows[i].inode[kind];
            if (sharing_owner(s, i, kind) == i)
                str_addf(&out, "    \"n%llu\" [shape=ellipse, label=\"%s\\n%llu\"];\n", inode,
                         namespace_types[kind].name, inode);
            str_addf(&out, "    \"c%zu\" -- \"n%llu\";\n", i, inode);
        }
    str_add(&out, "}\n");
    return out.failed ? err_nomem(e) : cli_print(out.s, e);
}

static void explain_kind(const struct sharing *s, size_t row, enum namespace_kind kind,
                         struct str *out)
{
    const struct namespace_type *type = &namespace_types[kind];
    unsigned long long inode = s->rows[row].inode[kind];
    size_t owner = sharing_owner(s, row, kind);
    bool shared = false;
    str_addf(out, "%-8s %llu  ", type->name, inode);
    if (owner == 0)
        str_addf(out, "the host's, shared with it: %s", type->walls);
    else if (owner != row)
        str_addf(out, "that of container %s, shared with it: %s", s->rows[owner].name, type->walls);
    else
        str_addf(out, "its own: %s", type->walls);
    for (size_t i = 1; i < s->n; i++)
        if (owner != 0 && i != row && i != owner && !s->rows[i].exec &&
            s->rows[i].inode[kind] == inode) {
            str_addf(out, "%s%s", shared ? ", " : "; shared with ", s->rows[i].name);
            shared = true;
        }
    if (owner == row && !shared)
        str_add(out, ", shared with nobody");
    str_add(out, "\n");
}

static int explain(struct cli *c, const struct sharing *s, const char *what, struct err *e)
{
    _cleanup_record_ struct container_record record = CONTAINER_RECORD_INIT;
    int r = record_find(&c->engine, what, &record, e);
    if (r < 0)
        return r;
    for (size_t i = 1; i < s->n; i++) {
        if (!str_eq(s->rows[i].id, record.id))
            continue;
        _cleanup_str_ struct str out = {0};
        str_addf(
            &out,
            "Container %s (%.12s) is process %d of this machine. What it cannot see is a matter "
            "of namespaces:\n\n",
            s->rows[i].name, record.id, s->rows[i].pid);
        for (enum namespace_kind kind = 0; kind < NS_KINDS; kind++)
            explain_kind(s, i, kind, &out);
        str_addf(&out, "\nThe numbers are the namespaces' inodes, as 'lsns -p %d' shows them.\n",
                 s->rows[i].pid);
        return out.failed ? err_nomem(e) : cli_print(out.s, e);
    }
    return err_set(e, ESRCH, "container %s is not running: it has no namespaces", what);
}

static int run_ns(struct cli *c, int argc, char **argv, struct err *e)
{
    struct ns_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_ns, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    cli_reap(c);
    _cleanup_sharing_ struct sharing s = {0};
    r = sharing_read(&c->engine, &s, e);
    if (r < 0)
        return r;
    if (n == 1)
        return explain(c, &s, words[0], e);
    if (rows_usual(o.format))
        return print_table(&s, e);
    return str_eq(o.format, "dot") ? print_dot(&s, e) : print_rows(&s, o.format, e);
}

const struct cli_command cmd_ns = {
    .line = "ns [OPTIONS] [CONTAINER]",
    .summary = "Show which namespaces are shared by whom",
    .more = "A row is a container, a column a kind. With a container's name, each of its\n"
            "walls is explained.",
    .options = table,
    .max = 1,
    .first = WORD_RUNNING,
    .flags = NEEDS_ENGINE,
    .run = run_ns,
};
