#include "cli/cli.h"
#include "cli/filter.h"
#include "cli/image_helper.h"
#include "cli/plain_text.h"
#include "cli/template.h"
#include "cli/transfer.h"

#include <string.h>

enum {
    DESCRIPTION_WIDTH = 45, /* Docker's */
    LIMIT_MAX = 100,        /* Docker Hub's */
};

struct search_options {
    struct option_list filter;
    const char *format;
    long long limit;
    bool no_trunc;
};

static const struct option_def search_table[] = {
    {"filter", 'f', OPTION_LIST, offsetof(struct search_options, filter), "KEY=VALUE",
     "is-official, stars", "Options"},
    {"format", 0, OPTION_STRING, offsetof(struct search_options, format), "TEMPLATE",
     "table TEMPLATE, TEMPLATE or json", NULL},
    {"limit", 0, OPTION_INT, offsetof(struct search_options, limit), "N",
     "At most so many, up to 100 (25)", NULL},
    {"no-trunc", 0, OPTION_FLAG, offsetof(struct search_options, no_trunc), NULL,
     "Do not shorten descriptions", NULL},
    {0},
};

/* What --filter leaves: -1 is either. */
struct wish {
    long long stars;
    int official;
};

static int read_wish(const struct option_list *filters, struct wish *ret, struct err *e)
{
    *ret = (struct wish){.official = -1};
    for (size_t i = 0; i < filters->n; i++) {
        const char *text = filters->v[i], *stars = str_after(text, "stars=");
        const char *official = str_after(text, "is-official=");
        bool yes = str_eq(official, "true") || str_eq(official, "1");
        bool no = str_eq(official, "false") || str_eq(official, "0");
        if (stars && str_to_int64(stars, 0, 1LL << 40, &ret->stars) == 0)
            continue;
        if (!yes && !no)
            return filter_invalid(text, e);
        ret->official = yes;
    }
    return 0;
}

static json_t *search_row(const json_t *found, const struct search_options *o)
{
    const char *text = json_str(found, "description");
    _cleanup_free_ char *name = plain_text(json_str(found, "name"));
    _cleanup_free_ char *about =
        o->no_trunc ? plain_text(text) : plain_text_of_width(text, DESCRIPTION_WIDTH);
    if (!name || !about)
        return NULL;
    bool official = json_bool(found, "is_official", false), as_json = str_eq(o->format, "json");
    return json_pack("{s:s, s:s, s:o, s:s}", "Name", name, "Description", about, "StarCount",
                     json_sprintf("%lld", json_int(found, "star_count", 0)), "IsOfficial",
                     as_json    ? (official ? "true" : "false")
                     : official ? "[OK]"
                                : "");
}

/* A line of JSON each; others' lines are passed over. */
static json_t *read_results(char *answer, const struct wish *wish)
{
    json_t *results = json_array();
    char *rest = answer;
    for (char *line; rest && (line = strsep(&rest, "\n"));) {
        _cleanup_json_ json_t *found = NULL;
        int r = json_parse(line, strlen(line), "result", &found, NULL);
        if (r == -ENOMEM)
            json_gather(&results, NULL);
        if (r < 0 || !json_str(found, "name") || json_int(found, "star_count", 0) < wish->stars ||
            (wish->official >= 0 && json_bool(found, "is_official", false) != wish->official))
            continue;
        json_gather(&results, json_incref(found));
    }
    return results;
}

/* The most liked first, else as they came. */
static json_t *make_rows(const json_t *results, const struct search_options *o)
{
    json_t *rows = json_array();
    size_t n = json_array_size(results);
    _cleanup_free_ bool *taken = calloc(n + 1, sizeof(*taken));
    if (!taken) {
        json_decref(rows);
        return NULL;
    }
    for (size_t k = 0; rows && k < n; k++) {
        size_t best = n;
        for (size_t i = 0; i < n; i++)
            if (!taken[i] &&
                (best == n || json_int(json_array_get(results, i), "star_count", 0) >
                                  json_int(json_array_get(results, best), "star_count", 0)))
                best = i;
        taken[best] = true;
        json_gather(&rows, search_row(json_array_get(results, best), o));
    }
    return rows;
}

static int ask(struct cli *c, const struct search_options *o, const char *term, char **ret,
               struct err *e)
{
    const char *const words[] = {term};
    struct transfer t = TRANSFER_INIT;
    image_helper_arguments(c, "search", c->engine.root_fd, &t.args);
    if (o->limit)
        strv_addf(&t.args, "--limit=%lld", o->limit);
    t.words = words;
    t.n_words = 1;
    int r = transfer_run(c, &t, ret, e);
    strv_release(&t.args);
    return r;
}

static int search(struct cli *c, const struct search_options *o, const char *term, struct err *e)
{
    struct wish wish;
    _cleanup_free_ char *answer = NULL;
    _cleanup_template_format_ struct template_format format = {0};
    _cleanup_str_ struct str out = {0};
    if (o->limit < 0 || o->limit > LIMIT_MAX)
        return err_set(e, EINVAL, "limit %lld is outside the range of [1, %d]", o->limit,
                       LIMIT_MAX);
    int r = read_wish(&o->filter, &wish, e);
    if (r == 0)
        r = template_parse_format(
            o->format, "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}", &format, e);
    if (r == 0)
        r = ask(c, o, term, &answer, e);
    if (r < 0)
        return r;
    _cleanup_json_ json_t *results = read_results(answer, &wish);
    _cleanup_json_ json_t *rows = results ? make_rows(results, o) : NULL;
    _cleanup_json_ json_t *headers =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "Name", "NAME", "Description", "DESCRIPTION",
                  "StarCount", "STARS", "IsOfficial", "OFFICIAL", "IsAutomated", "AUTOMATED");
    if (!rows || !headers)
        return err_nomem(e);
    r = template_print_rows(&format, headers, rows, &out, e);
    return r < 0 ? r : cli_print(out.s ? out.s : "", e);
}

static int run_search(struct cli *c, int argc, char **argv, struct err *e)
{
    struct search_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_search, argc, argv, &o, &words, &n, e);
    if (r == 0)
        r = search(c, &o, words[0], e);
    else if (r == 1)
        r = 0;
    options_release(search_table, &o);
    return r;
}

const struct cli_command cmd_search = {
    .line = "search [OPTIONS] TERM",
    .summary = "Search a registry for images",
    .more = "TERM is looked for on Docker Hub, or with a registry's name before it\n"
            "(\"localhost:5000/term\") there.",
    .options = search_table,
    .min = 1,
    .max = 1,
    .flags = NEEDS_ENGINE,
    .run = run_search,
};
