#include "cli/cli.h"
#include "cli/completion_scripts.h" /* made of completion/ by the build */

static int run_completion(struct cli *c, int argc, char **argv, struct err *e)
{
    static const struct {
        const char *shell, *script;
    } scripts[] = {{"bash", script_bash}, {"zsh", script_zsh}, {"fish", script_fish}};
    char **words;
    int n;
    int r = cli_parse(&cmd_completion, argc, argv, NULL, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        if (str_eq(words[0], scripts[i].shell))
            return cli_print(scripts[i].script, e);
    return err_set(e, EINVAL, "there is no completion for \"%s\": bash, zsh or fish", words[0]);
}

const struct cli_command cmd_completion = {
    .line = "completion bash|zsh|fish",
    .summary = "Print the completion script of a shell",
    .more = "For the shell that you are in: source <(skiff completion bash). An installed\n"
            "skiff has its scripts where the shells look for them.",
    .min = 1,
    .max = 1,
    .first = WORD_SHELL,
    .run = run_completion,
};
