DROP INDEX preference_name;
