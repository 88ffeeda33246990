"""What became empty, and which keys are gone: the same question in SQL."""
import sys, duckdb
before, after = sys.argv[1:]
columns = "{'name': 'VARCHAR', 'llm_concepts': 'JSON[]', 'variants': 'JSON[]', 'famous_people': 'JSON[]', 'source_links': 'JSON', 'source_versions': 'JSON'}"
read = lambda file: f"""select name, len(llm_concepts) as concepts, len(variants) as variants, len(famous_people) as people,
    source_links::varchar = '{{}}' as no_links, source_versions->>'builder' as builder
    from read_json('{file}', format='newline_delimited', columns={columns})"""
query = duckdb.connect()
query.execute("set threads = 1")
lost, gone, new = query.execute(f"""
    with before as ({read(before)}), after as ({read(after)})
    select count(*) filter (b.name is not null and a.name is not null and b.concepts > 0 and a.concepts = 0),
           count(*) filter (a.name is null), count(*) filter (b.name is null)
    from before b full join after a on a.name = b.name""").fetchone()
sys.exit(0 if 380 <= lost <= 387 and gone == 25 else f"{lost} lost, {gone} gone, {new} new")
